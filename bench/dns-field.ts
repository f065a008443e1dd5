import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SigningKey } from '../src/platform/dns/dnssec/signing-key.js';
import { silentLog } from '../src/platform/log.js';
import { startDns, type DnsOptions } from '../src/server/dns/start-dns.js';
import { freePorts, NETWORK, nodeChanges, records, untilAnswered } from './dns-names.js';
import { startForwardingUnbound, startNsd, startUnbound, TTL_SECONDS } from './dns-reference.js';
import { startBenchServer, type BenchServer } from './server.js';

/** A name server that is measured. */
export interface Subject {
  readonly name: string;
  /** UDP and TCP. */
  readonly port: number;
  /** Seconds of CPU used so far. */
  cpuSeconds(): number;
}

/** All name servers that are measured, each with the same names; those of others where they are installed. */
export interface Field {
  /** For files that go with it. */
  readonly dir: string;
  /** What dnsperf(1) asks. */
  readonly queries: string;
  /** These three answer from threads of this process, whose main thread waits for dnsperf(1) meanwhile. */
  readonly ours: Subject;
  readonly signed: Subject;
  readonly forwarding: Subject;
  /** A whole nc-server, for what passes its main thread. */
  readonly whole: Subject & { readonly httpsPort: number; readonly server: BenchServer };
  readonly nsd: Subject | undefined;
  readonly unbound: (Subject & { readonly httpsPort: number }) | undefined;
  readonly forwardingUnbound: Subject | undefined;
}

/** Keeps for the end what must be undone; the last is undone first. */
type Defer = (undo: () => unknown) => void;

/** Starts all and waits until each answers. */
export async function startField(defer: Defer): Promise<Field> {
  const dir = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  defer(() => rmSync(dir, { recursive: true }));
  const queries = join(dir, 'queries');
  writeFileSync(queries, records().map(([name, type]) => `${name} ${type}\n`).join(''));
  const { nsd, unbound } = await startReferences(dir, defer);
  const ours = await startOurs(defer, {});
  const signed = await startOurs(defer, { signingKeys: [SigningKey.generate()] });
  const whole = await startWhole(dir, defer);
  const all = [ours, signed, whole, nsd, unbound].filter((each) => each !== undefined);
  await Promise.all(all.map(({ port }) => untilAnswered(port, 'node-0.default.nc.internal')));
  // Both ask the same one, which is not in this process if there is another.
  const upstreamPort = unbound?.port ?? ours.port;
  const forwarding = await startOurs(defer, { zone: 'other.internal', networks: [], changes: [], upstreams: [{ host: '127.0.0.1', port: upstreamPort }] });
  const [port] = await freePorts(1);
  const forwardingUnbound = deferStop(defer, startForwardingUnbound(dir, port!, upstreamPort));
  if (forwardingUnbound !== undefined) await untilAnswered(port!, 'node-0.default.nc.internal');
  return { dir, queries, ours, signed, forwarding, whole, nsd, unbound, forwardingUnbound };
}

async function startReferences(dir: string, defer: Defer): Promise<Pick<Field, 'nsd' | 'unbound'>> {
  const [nsdPort, port, httpsPort] = (await freePorts(3)) as [number, number, number];
  const nsd = deferStop(defer, startNsd(dir, nsdPort, records()));
  const unbound = deferStop(defer, startUnbound(dir, { port, httpsPort }, records()));
  return { nsd, unbound: unbound && { ...unbound, httpsPort } };
}

async function startOurs(defer: Defer, options: Partial<DnsOptions>): Promise<Subject> {
  const dns = await startDns({ listen: [{ host: '127.0.0.1', port: 0 }], zone: 'nc.internal', networks: [NETWORK], changes: nodeChanges(), upstreams: [], log: silentLog, ...options });
  defer(() => dns.stop());
  return { name: 'ours', port: dns.ports[0]!, cpuSeconds: ownCpu };
}

async function startWhole(dir: string, defer: Defer): Promise<Field['whole']> {
  const [port, httpsPort] = (await freePorts(2)) as [number, number];
  const recordsFile = join(dir, 'records.yml');
  writeFileSync(recordsFile, JSON.stringify(records().map(([name, type, value]) => ({ name, type, value, ttl: `${TTL_SECONDS}s` }))));
  const server = await startBenchServer({ httpsPort, dns: { listen: [`127.0.0.1:${port}`], recordsFile } });
  defer(() => server.stop());
  return { name: 'ours', port, httpsPort, server, cpuSeconds: () => server.cpuSeconds() };
}

function deferStop<T extends { stop(): Promise<void> }>(defer: Defer, reference: T | undefined): T | undefined {
  if (reference !== undefined) defer(() => reference.stop());
  return reference;
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
