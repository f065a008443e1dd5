import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseJoinString } from '../src/domain/join-string.js';
import { RenameNodeRequest } from '../src/gen/networkcontroller/v1/admin.js';
import { parseServerConfig } from '../src/platform/config/server-config.js';
import { callUnary } from '../src/platform/rpc-client.js';
import { EtcdCluster } from '../test/support/etcd.js';
import { freePorts } from '../test/support/free-ports.js';
import { percentile, runAll, type Bench, type Measured } from './bench.js';
import { storeRates, watchDelays, writeGap, type StoreRates } from './ha-store.js';
import { contact, makeMachine, registration } from './joining.js';
import { runBenchServer, serverSettings, type BenchServer } from './server.js';
import { Fleet, monotonicMs } from './simulate/fleet.js';
import { prepareMembers } from './simulate/prepare.js';

const ROUNDS = 3;
const AGENTS = 200;
const RENAMES = 50;
const WRITES = 500;
const REGISTRATIONS = 1_000;
const IN_FLIGHT = 64;
const REGISTER_MS = 4_000;

/** Three members of etcd, two servers, and what their loss costs. */
export const bench: Bench = {
  title: `three members of etcd over TLS on this machine, two servers with ${AGENTS} agents; all of it shares the machine`,
  async run(progress): Promise<readonly Measured[]> {
    const cluster = await EtcdCluster.start();
    try {
      const rates = await rounds(async () => {
        const seen = await storeRates(cluster);
        progress(`transactions/s: ${Object.entries(seen).map(([what, value]) => `${what} ${Math.round(Number(value))}`).join(', ')}`);
        return seen;
      });
      const delays = await watchDelays(cluster, WRITES);
      const killed = await rounds(() => writeGap(cluster, 'SIGKILL'));
      progress(`without writes after a killed leader: ${killed.map(Math.round).join(', ')} ms`);
      const stopped = await rounds(() => writeGap(cluster, 'SIGTERM'));
      progress(`without writes after a leader stopped in order: ${stopped.map(Math.round).join(', ')} ms`);
      const servers = await measureServers(cluster, progress);
      return [...storeResults(rates, servers.registrations), ...gapResults(killed, stopped, delays), ...serverResults(servers)];
    } finally {
      await cluster.stop();
    }
  },
};

/** What was seen of two servers. */
interface Servers {
  readonly registrations: number;
  /** Until the last of the agents was back at the other server. */
  readonly backSeconds: number;
  readonly resets: number;
  /** From a change's acknowledgement at one server until it is in the map of an agent at the other, ms. */
  readonly delays: readonly number[];
}

async function measureServers(cluster: EtcdCluster, progress: (line: string) => void): Promise<Servers> {
  const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  const [a, b] = await Promise.all(['a', 'b'].map((name) => place(folder, name, cluster)));
  const running: BenchServer[] = [];
  const start = async ({ dir, settings }: Place): Promise<BenchServer> => {
    const server = await runBenchServer(dir, settings);
    running.push(server);
    return server;
  };
  try {
    const config = parseServerConfig(JSON.stringify({ server: a!.settings }), join(a!.dir, 'server.yml'));
    const members = await prepareMembers({ config, nodes: AGENTS, progress: (done) => progress(`${done} of ${AGENTS} nodes made`) });
    for (const secret of ['pki', 'wireguard.key']) cpSync(join(a!.dir, 'work', secret), join(b!.dir, 'work', secret), { recursive: true });
    const first = await start(a!);
    const second = await start(b!);
    const registrations = await registrationRate(first);
    progress(`${Math.round(registrations)} registrations/s by one server`);

    const fleet = new Fleet({ members, endpoint: a!.endpoint, others: [b!.endpoint] });
    await fleet.start({ perSecond: 100 });
    const delays: number[] = [];
    for (let i = 0; i < RENAMES; i++) delays.push(...(await arrivals(fleet, second, members.members[i]!.facts.nodeId, `renamed-${i}`)));
    fleet.mark();
    const killedMs = monotonicMs();
    await first.kill();
    const backMs = await fleet.back();
    progress('all agents are back at the other server');
    const { resets, snapshots } = fleet.status();
    await fleet.stop();
    return { registrations, backSeconds: (Math.max(...backMs) - killedMs) / 1000, resets: resets + snapshots, delays };
  } finally {
    await Promise.all(running.map((server) => server.kill()));
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where a server has its files and is found. */
interface Place {
  readonly dir: string;
  readonly settings: object;
  /** Of its control listener. */
  readonly endpoint: string;
}

async function place(folder: string, name: string, { endpoints, tls }: EtcdCluster): Promise<Place> {
  const dir = join(folder, name);
  mkdirSync(join(dir, 'work'), { recursive: true, mode: 0o700 });
  const [grpcPort] = await freePorts(1);
  const store = { engine: 'etcd', endpoints, ...tls, allowOldVersion: true };
  return { dir, settings: serverSettings(dir, { grpcPort, store, metrics: { listen: '' } }), endpoint: `127.0.0.1:${grpcPort}` };
}

async function registrationRate(server: BenchServer): Promise<number> {
  const text = parseJoinString(await server.joinString());
  const { client } = await contact(text);
  try {
    const offer = await callUnary(client, 'beginRegister', {});
    const requests = Array.from({ length: REGISTRATIONS }, () => registration(makeMachine(), text, offer));
    const { perSecond } = await runAll(requests, { inFlight: IN_FLIGHT, limitMs: REGISTER_MS }, (request) => callUnary(client, 'register', request));
    return perSecond;
  } finally {
    client.close();
  }
}

/** Renames a node at `server`. @returns How long after the answer each agent of another server had it. */
async function arrivals(fleet: Fleet, server: BenchServer, node: string, name: string): Promise<number[]> {
  const { revision } = await callUnary(server.admin, 'renameNode', RenameNodeRequest.fromPartial({ node, name }));
  const acknowledgedMs = monotonicMs();
  while (fleet.arrivals(revision).length < AGENTS) await sleep(5);
  return fleet.arrivals(revision).map((atMs) => Math.max(0, atMs - acknowledgedMs));
}

async function rounds<T>(measure: () => Promise<T>): Promise<T[]> {
  const seen: T[] = [];
  for (let round = 0; round < ROUNDS; round++) seen.push(await measure());
  return seen;
}

function storeResults(rates: readonly StoreRates[], registrations: number): Measured[] {
  const of = (what: string, rate: keyof StoreRates): { what: string; values: number[] } => ({ what, values: rates.map((each) => each[rate]) });
  const atOnce = of('transactions/s asked of etcd', 'rawAtOnce');
  return [
    { ...of('registrations by the store, in turn', 'inTurn'), unit: '/s', floor: of('transactions/s asked of etcd', 'rawInTurn'), targets: [{ kind: 'at least', of: 'ratio', limit: 0.7 }] },
    { ...of('registrations by the store, at once', 'grouped'), unit: '/s', floor: atOnce, targets: [{ kind: 'at least', of: 'ratio', limit: 2 }] },
    { what: 'registrations by one whole server', unit: '/s', values: [registrations], floor: { ...atOnce, values: [percentile(atOnce.values, 0.5)] } },
  ];
}

function gapResults(killed: readonly number[], stopped: readonly number[], delays: readonly number[]): Measured[] {
  return [
    { what: 'no write after the leader is killed', unit: 'ms', values: killed, targets: [{ kind: 'at most', of: 'value', limit: 2_000 }] },
    { what: 'no write after it is stopped in order', unit: 'ms', values: stopped, targets: [{ kind: 'at most', of: 'value', limit: 500 }] },
    { what: 'event at another member, p99', unit: 'ms', values: [percentile(delays, 0.99)] },
  ];
}

function serverResults({ backSeconds, resets, delays }: Servers): Measured[] {
  return [
    { what: 'all agents back after a server is killed', unit: 's', values: [backSeconds], targets: [{ kind: 'at most', of: 'value', limit: 15 }] },
    { what: 'sent the whole map again', unit: 'agents', values: [resets], targets: [{ kind: 'at most', of: 'value', limit: 0 }] },
    { what: 'change at an agent of the other server, p99', unit: 'ms', values: [percentile(delays, 0.99)] },
  ];
}
