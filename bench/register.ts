import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { parseJoinString } from '../src/domain/join-string.js';
import type { BootstrapServiceClient, RegisterRequest } from '../src/gen/networkcontroller/v1/bootstrap.js';
import { callUnary } from '../src/platform/rpc-client.js';
import { median, percentile, ratePerSecond, runAll, trend, type Bench, type Measured, type Throughput } from './bench.js';
import { contact, makeMachine, registration, type Machine } from './joining.js';
import { startBenchServer, type BenchServer } from './server.js';

const ROUNDS = 10;
const NODES_A_ROUND = 500;
const NO_OPS_A_ROUND = 1_500;
const IN_FLIGHT = 16;
/** On a busy machine a round ends with fewer. */
const LIMITS_MS = { make: 2_000, register: 3_000, noOp: 2_000 };
const WARM_UP = 500;
const SQLITE_MS = 200;
/** What a registration writes, about: node, address, name, key, two certificates, audit. */
const ROW = Buffer.alloc(4_096, 7);

/** Registrations over one connection, with everything that belongs to one. */
export const bench: Bench = {
  title: `registrations over one connection, ${IN_FLIGHT} in flight: durable, two certificates, address, audit; client and server share the machine`,
  async run(progress): Promise<readonly Measured[]> {
    const server = await startBenchServer();
    const text = parseJoinString(await server.joinString());
    const { client } = await contact(text);
    // Before the time that counts: a floor of calls that do nothing has no keys to make either.
    const makeRequests = async (count: number): Promise<RegisterRequest[]> => {
      const machines: Machine[] = [];
      for (const start = performance.now(); machines.length < count && performance.now() - start < LIMITS_MS.make; ) machines.push(makeMachine());
      // Good for a minute, and for as many machines as know it.
      const offer = await callUnary(client, 'beginRegister', {});
      return machines.map((machine) => registration(machine, text, offer));
    };
    try {
      await register(client, await makeRequests(WARM_UP));
      const rounds: Round[] = [];
      for (let round = 1; round <= ROUNDS; round++) {
        const noOp = await metered(server, () => runAll(Array.from({ length: NO_OPS_A_ROUND }), { inFlight: IN_FLIGHT, limitMs: LIMITS_MS.noOp }, () => callUnary(client, 'healthCheck', {})));
        const requests = await makeRequests(NODES_A_ROUND);
        const registered = await metered(server, () => register(client, requests));
        rounds.push({ noOp, registered, sqlite: transactionsPerSecond() });
        progress(`round ${round} of ${ROUNDS}: ${Math.round(registered.perSecond)} registrations/s, ${Math.round(noOp.perSecond)} no-ops/s`);
      }
      return results(rounds);
    } finally {
      client.close();
      await server.stop();
    }
  },
};

interface Round {
  readonly noOp: Metered;
  readonly registered: Metered;
  readonly sqlite: number;
}

interface Metered extends Throughput {
  /** What the server's process used for each, all threads: tells less of what else the machine does than the rate does. */
  readonly cpuMs: number;
  /** What its main thread used. */
  readonly mainMs: number;
  /** What this process used. */
  readonly clientCpuMs: number;
}

async function metered(server: BenchServer, work: () => Promise<Throughput>): Promise<Metered> {
  const before = { server: server.cpuSeconds(), main: server.mainCpuSeconds(), client: process.cpuUsage() };
  const seen = await work();
  const each = (ms: number): number => ms / seen.latencies.length;
  const { user, system } = process.cpuUsage(before.client);
  const used = { cpuMs: each((server.cpuSeconds() - before.server) * 1_000), mainMs: each((server.mainCpuSeconds() - before.main) * 1_000) };
  return { ...seen, ...used, clientCpuMs: each((user + system) / 1_000) };
}

function register(client: BootstrapServiceClient, requests: readonly RegisterRequest[]): Promise<Throughput> {
  return runAll(requests, { inFlight: IN_FLIGHT, limitMs: LIMITS_MS.register }, (request) => callUnary(client, 'register', request));
}

function results(rounds: readonly Round[]): Measured[] {
  const perSecond = rounds.map(({ registered }) => registered.perSecond);
  const nodes = rounds.reduce((sum, { registered }) => sum + registered.latencies.length, WARM_UP);
  const flat = [{ kind: 'at most', of: 'value', limit: 1.1 }] as const;
  const noOps = { what: 'no-op calls/s', values: rounds.map(({ noOp }) => noOp.perSecond) };
  return [
    { what: 'registrations', unit: '/s', values: perSecond, floor: noOps, targets: [{ kind: 'at least', of: 'value', limit: 600 }, { kind: 'at least', of: 'ratio', limit: 0.25 }] },
    { what: 'registrations, to the disk', unit: '/s', values: perSecond, floor: { what: 'transactions/s', values: rounds.map(({ sqlite }) => sqlite) } },
    { what: 'registration, p99', unit: 'ms', values: rounds.map(({ registered }) => percentile(registered.latencies, 0.99)), targets: [{ kind: 'at most', of: 'value', limit: 60 }] },
    { what: 'CPU of the server for each', unit: 'ms', values: rounds.map(({ registered }) => registered.cpuMs), floor: { what: 'ms for a no-op call', values: rounds.map(({ noOp }) => noOp.cpuMs) } },
    { what: 'CPU of its main thread for each', unit: 'ms', values: rounds.map(({ registered }) => registered.mainMs), floor: { what: 'ms for a no-op call', values: rounds.map(({ noOp }) => noOp.mainMs) } },
    { what: 'CPU of the client for each', unit: 'ms', values: rounds.map(({ registered }) => registered.clientCpuMs), floor: { what: 'ms for a no-op call', values: rounds.map(({ noOp }) => noOp.clientCpuMs) } },
    { what: `node ${nodes} to the first, time`, unit: '×', values: [trend(rounds.map(({ registered }) => median(registered.latencies)))], targets: flat },
    { what: `node ${nodes} to the first, CPU of the server`, unit: '×', values: [trend(rounds.map(({ registered }) => registered.cpuMs))], targets: flat },
  ];
}

/** One row a transaction, each on the disk before the next: what SQLite does here without group commit. */
function transactionsPerSecond(): number {
  const dir = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  const database = new Database(join(dir, 'floor.db'));
  try {
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, value BLOB)');
    const insert = database.prepare('INSERT INTO rows (value) VALUES (?)');
    return ratePerSecond(SQLITE_MS, () => void insert.run(ROW), 1);
  } finally {
    database.close();
    rmSync(dir, { recursive: true });
  }
}
