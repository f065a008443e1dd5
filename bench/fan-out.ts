import { setTimeout as sleep } from 'node:timers/promises';
import { WatchResponse } from '../src/gen/networkcontroller/v1/node.js';
import { Peer } from '../src/gen/networkcontroller/v1/types.js';
import { percentile } from './bench.js';
import type { BenchServer } from './server.js';
import { changeNode, latenciesOf } from './simulate/changes.js';
import { Fleets } from './simulate/fleets.js';
import { readMembers } from './simulate/member.js';
import type { Prepared } from './simulate/prepared.js';

/** How many agents watch, and what is done with them. */
export interface FanOut {
  readonly agents: number;
  /** Of them, how many never read. */
  readonly stalled: number;
  readonly rounds: number;
}

/** Ten thousand, or `BENCH_AGENTS`, of which a bench takes less time and says less. */
export const MANY_AGENTS = Number(process.env['BENCH_AGENTS'] ?? 10_000);

/** How long one change took until all had it, ms, a value a round; and what it cost. */
export interface FanOutRounds {
  readonly p50: number[];
  readonly p99: number[];
  /** Of the server's CPU, µs a watcher; the system counts it in steps that only a mean of many rounds is finer than. */
  readonly cpuUs: number[];
  /** The longest that the server's event loop stood still, ms. */
  readonly stallMs: number[];
}

/** New connections a second: a ramp, not a storm. Both ends together take some ten milliseconds for one. */
const PER_SECOND = 120;
const BETWEEN_MS = 300;
const WARM_UP = 3;
const TURNS = 3;

/** Connects the agents to whoever listens, and ends them when `work` is done. */
export async function withAgents<T>(prepared: Prepared, { agents, stalled }: FanOut, work: (fleets: Fleets) => Promise<T>): Promise<T> {
  const fleets = await Fleets.make({ path: prepared.path, agents, stalled, endpoint: prepared.endpoint });
  try {
    await fleets.start({ perSecond: PER_SECOND });
    return await work(fleets);
  } finally {
    await fleets.stop();
  }
}

/** Changes a node again and again, from the admin's request until the change is in the map of each agent that reads. */
export async function serverRounds(prepared: Prepared, server: BenchServer, fleets: Fleets, { agents, stalled, rounds }: FanOut): Promise<FanOutRounds> {
  const [node] = readMembers(prepared.path, 0, 1).members;
  const seen: FanOutRounds = { p50: [], p99: [], cpuUs: [], stallMs: [] };
  for (let round = -WARM_UP; round < rounds; round++) {
    await sleep(BETWEEN_MS);
    await longestStallMs(prepared);
    const before = server.cpuSeconds();
    const latencies = await latenciesOf(fleets, await changeNode(server.admin, node!.facts.nodeId), agents - stalled);
    const cpu = server.cpuSeconds() - before;
    const stall = await longestStallMs(prepared);
    if (round < 0) continue;
    note(seen, latencies, agents - stalled);
    seen.cpuUs.push((cpu * 1e6) / agents);
    seen.stallMs.push(stall);
  }
  return seen;
}

/** What a change costs the server for each of so many agents, µs of its CPU. */
export async function costAWatcher(prepared: Prepared, server: BenchServer, fanOut: FanOut): Promise<number> {
  return mean((await withAgents(prepared, fanOut, (fleets) => serverRounds(prepared, server, fleets, fanOut))).cpuUs);
}

/** The p99 of each round without agents that never read, and of one with so many more of them, in turn: what disturbs one disturbs the other. */
export async function besideStalled(prepared: Prepared, server: BenchServer, { agents, rounds }: FanOut, stalled: number): Promise<{ readonly without: number[]; readonly beside: number[] }> {
  const seen = { without: [] as number[], beside: [] as number[] };
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [name, silent] of [['without', 0], ['beside', stalled]] as const) {
      const fanOut = { agents: agents + silent, stalled: silent, rounds };
      seen[name].push(...(await withAgents(prepared, fanOut, (fleets) => serverRounds(prepared, server, fleets, fanOut))).p99);
    }
  }
  return seen;
}

/** Of none, NaN. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The same with the same bytes from a server that does nothing else. */
export async function bareRounds(prepared: Prepared, fanOut: FanOut): Promise<Pick<FanOutRounds, 'p50' | 'p99'>> {
  const { members, position } = readMembers(prepared.path, 0, 1);
  const { facts, networkCertificate } = members[0]!;
  const peer = Peer.fromPartial({ nodeId: facts.nodeId, name: facts.name, bindIp: facts.bindIp, wgPublicKey: Buffer.alloc(32), networkCertificate });
  const bare = await prepared.startBare();
  const seen = { p50: [] as number[], p99: [] as number[] };
  try {
    await withAgents(prepared, fanOut, async (fleets) => {
      for (let round = -WARM_UP; round < fanOut.rounds; round++) {
        await sleep(BETWEEN_MS);
        const revision = position.revision + BigInt(round + WARM_UP + 1);
        const bytes = WatchResponse.encode({ message: { $case: 'delta', value: { revision, changes: [{ change: { $case: 'peer', value: peer } }] } } }).finish();
        const latencies = await latenciesOf(fleets, { revision, atMs: await bare.broadcast(bytes) }, fanOut.agents - fanOut.stalled);
        if (round >= 0) note(seen, latencies, fanOut.agents - fanOut.stalled);
      }
    });
  } finally {
    await bare.stop();
  }
  return seen;
}

function note(seen: { p50: number[]; p99: number[] }, latencies: readonly number[], agents: number): void {
  if (latencies.length < agents) throw new Error(`a change reached ${latencies.length} agents of ${agents}`);
  seen.p50.push(percentile(latencies, 0.5));
  seen.p99.push(percentile(latencies, 0.99));
}

/** Node samples every 10 ms and counts these in. */
const SAMPLED_EVERY_MS = 10;

/** Since the last time it was asked for. @see https://nodejs.org/api/perf_hooks.html, monitorEventLoopDelay */
async function longestStallMs({ metrics }: Prepared): Promise<number> {
  const text = await (await fetch(`http://${metrics}/metrics`)).text();
  const [, seconds = 'NaN'] = /^nodejs_eventloop_lag_max_seconds (\S+)/m.exec(text) ?? [];
  return Math.max(0, Number(seconds) * 1000 - SAMPLED_EVERY_MS);
}
