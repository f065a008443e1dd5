import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SigningKey } from '../src/platform/dns/dnssec/signing-key.js';
import { freePorts, records, untilAnswered } from './dns-names.js';
import { startOwn, type OwnServer } from './dns-own.js';
import { startForwardingUnbound, startKnot, startNsd, startUnbound, TTL_SECONDS } from './dns-reference.js';
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
  readonly ours: OwnServer;
  /** Answers everything with itself. */
  readonly echo: Subject;
  readonly signed: OwnServer;
  readonly forwarding: OwnServer;
  /** A whole nc-server, for what passes its main thread. */
  readonly whole: Subject & { readonly httpsPort: number; readonly server: BenchServer };
  readonly knot: Subject | undefined;
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
  const { knot, nsd, unbound } = await startReferences(dir, defer);
  const ours = await deferStop(defer, startOwn('dns-child'));
  const echo = await deferStop(defer, startOwn('dns-echo'));
  const signed = await deferStop(defer, startOwn('dns-child', { signingKeys: [SigningKey.generate()] }));
  const whole = await startWhole(dir, defer);
  const all = [ours, signed, whole, knot, nsd, unbound].filter((each) => each !== undefined);
  await Promise.all(all.map(({ port }) => untilAnswered(port, 'node-0.default.nc.internal')));
  // Both ask the same one, which is not ours if there is another.
  const upstreamPort = unbound?.port ?? ours.port;
  const forwarding = await deferStop(defer, startOwn('dns-child', { upstreams: [{ host: '127.0.0.1', port: upstreamPort }] }));
  const [port] = await freePorts(1);
  const forwardingUnbound = await deferStop(defer, startForwardingUnbound(dir, port!, upstreamPort));
  if (forwardingUnbound !== undefined) await untilAnswered(port!, 'node-0.default.nc.internal');
  return { dir, queries, ours, echo, signed, forwarding, whole, knot, nsd, unbound, forwardingUnbound };
}

async function startReferences(dir: string, defer: Defer): Promise<Pick<Field, 'knot' | 'nsd' | 'unbound'>> {
  const [knotPort, nsdPort, port, httpsPort] = (await freePorts(4)) as [number, number, number, number];
  const knot = await deferStop(defer, startKnot(dir, knotPort, records()));
  const nsd = await deferStop(defer, startNsd(dir, nsdPort, records()));
  const unbound = await deferStop(defer, startUnbound(dir, { port, httpsPort }, records()));
  return { knot, nsd, unbound: unbound && { ...unbound, httpsPort } };
}

async function startWhole(dir: string, defer: Defer): Promise<Field['whole']> {
  const [port, httpsPort] = (await freePorts(2)) as [number, number];
  const recordsFile = join(dir, 'records.yml');
  writeFileSync(recordsFile, JSON.stringify(records().map(([name, type, value]) => ({ name, type, value, ttl: `${TTL_SECONDS}s` }))));
  const server = await startBenchServer({ httpsPort, dns: { listen: [`127.0.0.1:${port}`], recordsFile } });
  defer(() => server.stop());
  server.pin();
  return { name: 'ours', port, httpsPort, server, cpuSeconds: () => server.cpuSeconds() };
}

async function deferStop<T extends { stop(): Promise<void> } | undefined>(defer: Defer, starting: T | Promise<T>): Promise<T> {
  const started = await starting;
  if (started !== undefined) defer(() => started.stop());
  return started;
}
