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
import { median, type Bench, type Measured } from './bench.js';
import { startReferences, type ZoneLine } from './dns-reference.js';

const execute = promisify(execFile);
const NODES = 10_000;
const SECONDS = 5;
const PORTS = { nsd: 5391, unbound: 5392 };
const NETWORK = { name: 'default', cidr: '10.66.0.0/16', cidr6: '' };

interface Load {
  /** Queries per second of CPU: what one core would answer if it did nothing else. */
  readonly perCore: number;
  readonly lost: number;
}

/** Takes what was measured, one after the other. */
type Keep = (measured: Measured) => void;

/** The name server under dnsperf(1), beside nsd and unbound where this machine has them. */
export const bench: Bench = {
  title: `names of ${NODES} nodes, asked with dnsperf(1) for ${SECONDS} s each`,
  async run(progress): Promise<readonly Measured[]> {
    const all: Measured[] = [];
    await measureAll((measured) => {
      all.push(measured);
      progress(`${measured.what}: ${Math.round(median(measured.values) * 10) / 10} ${measured.unit}`);
    });
    return all;
  },
};

async function measureAll(keep: Keep): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  const queries = join(dir, 'queries');
  writeFileSync(queries, records().map(([name, type]) => `${name} ${type}\n`).join(''));
  const references = startReferences(dir, PORTS, records());
  const dns = await startBenchDns();
  try {
    await new Promise((resolve) => setTimeout(resolve, 2000));
    const port = dns.ports[0]!;
    await measure(keep, 'authoritative, UDP, first time', port, queries);
    const floors: NonNullable<Measured['floor']>[] = [];
    for (const { name, cpuSeconds } of references) {
      const theirs = await load(name === 'nsd' ? PORTS.nsd : PORTS.unbound, queries, cpuSeconds);
      floors.push({ what: `of ${name}`, values: [theirs.perCore] });
    }
    const ours = await load(port, queries, ownCpu);
    for (const floor of floors.length > 0 ? floors : [undefined]) {
      keep({ what: 'authoritative, UDP', unit: '/s per core', values: [ours.perCore], ...(floor !== undefined && { floor }) });
    }
    await measure(keep, 'authoritative, TCP', port, queries, ['-m', 'tcp']);
    await measureSigned(keep, queries);
    await measureForwarding(keep, port, queries);
    await measureStall(keep, port, queries);
    await measureChange(keep, dns, 'change visible over UDP', 0);
    await Promise.all([load(port, queries, ownCpu, ['-Q', '5000']), measureChange(keep, dns, 'the same under 5,000 queries/s', 1000)]);
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

async function measure(keep: Keep, what: string, port: number, queries: string, more: readonly string[] = []): Promise<void> {
  const { perCore } = await load(port, queries, ownCpu, more);
  keep({ what, unit: '/s per core', values: [perCore] });
}

async function load(port: number, queries: string, cpuSeconds: () => number, more: readonly string[] = []): Promise<Load> {
  const before = cpuSeconds();
  const { stdout } = await execute('dnsperf', ['-s', '127.0.0.1', '-p', String(port), '-d', queries, '-l', String(SECONDS), '-c', '16', '-T', '1', '-q', '200', ...more]);
  const used = cpuSeconds() - before;
  const number = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? NaN);
  return { perCore: number(/Queries completed:\s+(\d+)/) / used, lost: number(/Queries lost:\s+(\d+)/) };
}

async function measureSigned(keep: Keep, queries: string): Promise<void> {
  const signed = await startBenchDns({ signingKeys: [SigningKey.generate()] });
  await measure(keep, 'authoritative, signed, UDP', signed.ports[0]!, queries, ['-D']);
  await signed.stop();
}

async function measureForwarding(keep: Keep, upstreamPort: number, queries: string): Promise<void> {
  const forwarding = await startBenchDns({ zone: 'other.internal', networks: [], changes: [], upstreams: [{ host: '127.0.0.1', port: upstreamPort }] });
  await measure(keep, 'forwarded, first time and cached', forwarding.ports[0]!, queries);
  await measure(keep, 'forwarded, cached', forwarding.ports[0]!, queries);
  await forwarding.stop();
}

/** The main thread does nothing for a second in every second and a half: what is lost then was lost by the kernel. */
async function measureStall(keep: Keep, port: number, queries: string): Promise<void> {
  const timer = setInterval(() => {
    const end = Date.now() + 1000;
    while (Date.now() < end);
  }, 1500);
  const { lost } = await load(port, queries, ownCpu, ['-Q', '5000']);
  clearInterval(timer);
  keep({ what: 'lost at 5,000/s while the main thread is stalled', unit: 'queries', values: [lost] });
}

/** From the moment that a revision is handed over until an answer over UDP shows it. */
async function measureChange(keep: Keep, dns: Dns, what: string, firstRevision: number): Promise<void> {
  const times: number[] = [];
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    dns.apply({ revision: BigInt(firstRevision + i + 1), changes: [{ kind: 'node', node: { id: 'n0', network: 'default', name: 'node-0', bindIp: `10.66.200.${i}`, bindIp6: '' } }] });
    while (!(await askUdp(dns.ports[0]!)).includes(Buffer.from([10, 66, 200, i])));
    times.push(performance.now() - start);
  }
  keep({ what, unit: 'ms', values: times });
}

function askUdp(port: number): Promise<Buffer> {
  const socket = createSocket('udp4');
  socket.send(encode({ type: 'query', id: 1, questions: [{ type: 'A', name: 'node-0.default.nc.internal' }] }), port, '127.0.0.1');
  return new Promise<Buffer>((resolve) => socket.once('message', resolve)).finally(() => socket.close());
}
