import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { encode } from 'dns-packet';
import type { ZoneChange } from '../src/domain/zone-input.js';
import { SigningKey } from '../src/platform/dns/dnssec/signing-key.js';
import { silentLog } from '../src/platform/log.js';
import { startDns, type Dns } from '../src/server/dns/start-dns.js';
import { startReferences, type ZoneLine } from './dns-reference.js';

const execute = promisify(execFile);
const NODES = 10_000;
const SECONDS = 5;
const PORTS = { nsd: 5391, unbound: 5392 };
const NETWORK = { name: 'default', cidr: '10.66.0.0/16', cidr6: '' };

interface Measured {
  readonly perSecond: number;
  /** Queries per second of CPU: what one core would answer if it did nothing else. */
  readonly perCore: number;
  readonly lost: number;
  readonly averageMs: number;
}

/** Measures the name server with dnsperf(1), beside nsd and unbound where this machine has them. */
export async function run(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  const queries = join(dir, 'queries');
  writeFileSync(queries, records().map(([name, type]) => `${name} ${type}\n`).join(''));
  const references = startReferences(dir, PORTS, records());
  const dns = await startBenchDns();
  try {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const port = dns.ports[0]!;
    await measure('authoritative, UDP, first time', port, queries, ownCpu);
    const ours = await measure('authoritative, UDP', port, queries, ownCpu);
    for (const { name, cpuSeconds } of references) {
      const theirs = await measure(`${name}, UDP`, name === 'nsd' ? PORTS.nsd : PORTS.unbound, queries, cpuSeconds);
      console.log(`  ours to ${name}: ${(ours.perCore / theirs.perCore).toFixed(2)} per core`);
    }
    await measure('authoritative, TCP', port, queries, ownCpu, ['-m', 'tcp']);
    await measureSigned(queries);
    await measureForwarding(port, queries);
    await measureStall(port, queries);
    await measureChange(dns);
    console.log('the same while 5000 queries a second are answered:');
    await Promise.all([measure('authoritative, 5000/s, UDP', port, queries, ownCpu, ['-Q', '5000']), measureChange(dns, 1000)]);
  } finally {
    await Promise.all(references.map((reference) => reference.stop()));
    await dns.stop();
    rmSync(dir, { recursive: true });
  }
}

function addressOf(i: number): string {
  return `10.66.${(i + 2) >> 8}.${(i + 2) & 255}`;
}

function records(): ZoneLine[] {
  return Array.from({ length: NODES }, (_, i) => [`node-${i}.default.nc.internal`, 'A', addressOf(i)]);
}

function changes(): ZoneChange[] {
  return Array.from({ length: NODES }, (_, i) => ({ kind: 'node', node: { id: `n${i}`, network: 'default', name: `node-${i}`, bindIp: addressOf(i), bindIp6: '' } }));
}

function startBenchDns(options: Partial<Parameters<typeof startDns>[0]> = {}): Promise<Dns> {
  return startDns({ listen: [{ host: '127.0.0.1', port: 0 }], zone: 'nc.internal', networks: [NETWORK], changes: changes(), upstreams: [], log: silentLog, ...options });
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function measure(label: string, port: number, queries: string, cpuSeconds: () => number, more: readonly string[] = []): Promise<Measured> {
  const before = cpuSeconds();
  const { stdout } = await execute('dnsperf', ['-s', '127.0.0.1', '-p', String(port), '-d', queries, '-l', String(SECONDS), '-c', '16', '-T', '1', '-q', '200', ...more]);
  const used = cpuSeconds() - before;
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? NaN);
  const measured = {
    perSecond: number(/Queries per second:\s+([\d.]+)/),
    perCore: number(/Queries completed:\s+(\d+)/) / used,
    lost: number(/Queries lost:\s+(\d+)/),
    averageMs: number(/Average Latency \(s\):\s+([\d.]+)/) * 1000,
  };
  console.log(`${label.padEnd(34)} ${Math.round(measured.perSecond)}/s, ${Math.round(measured.perCore)}/s per core, lost ${measured.lost}, average ${measured.averageMs.toFixed(2)} ms`);
  return measured;
}

async function measureSigned(queries: string): Promise<void> {
  const signed = await startBenchDns({ signingKeys: [SigningKey.generate()] });
  await measure('authoritative, signed, UDP', signed.ports[0]!, queries, ownCpu, ['-D']);
  await signed.stop();
}

async function measureForwarding(upstreamPort: number, queries: string): Promise<void> {
  const forwarding = await startBenchDns({ zone: 'other.internal', networks: [], changes: [], upstreams: [{ host: '127.0.0.1', port: upstreamPort }] });
  await measure('forwarded, first time and cached', forwarding.ports[0]!, queries, ownCpu);
  await measure('forwarded, cached', forwarding.ports[0]!, queries, ownCpu);
  await forwarding.stop();
}

/** The main thread does nothing for a second in every second and a half: what is lost then was lost by the kernel. */
async function measureStall(port: number, queries: string): Promise<void> {
  const timer = setInterval(() => {
    const end = Date.now() + 1000;
    while (Date.now() < end);
  }, 1500);
  await measure('main thread stalled, 5000/s, UDP', port, queries, ownCpu, ['-Q', '5000']);
  clearInterval(timer);
}

/** From the moment that a revision is handed over until an answer over UDP shows it. */
async function measureChange(dns: Dns, firstRevision = 0): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    dns.apply({ revision: BigInt(firstRevision + i + 1), changes: [{ kind: 'node', node: { id: 'n0', network: 'default', name: 'node-0', bindIp: `10.66.200.${i}`, bindIp6: '' } }] });
    while (!(await askUdp(dns.ports[0]!)).includes(Buffer.from([10, 66, 200, i])));
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  console.log(`${'change visible over UDP'.padEnd(34)} median ${times[100]!.toFixed(1)} ms, longest ${times[199]!.toFixed(1)} ms`);
}

function askUdp(port: number): Promise<Buffer> {
  const socket = createSocket('udp4');
  socket.send(encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'node-0.default.nc.internal' }] }), port, '127.0.0.1');
  return new Promise<Buffer>((resolve) => socket.once('message', resolve)).finally(() => socket.close());
}
