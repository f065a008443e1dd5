import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, Measured, Target } from './bench.js';
import { bareRounds, besideStalled, costAWatcher, MANY_AGENTS, mean, serverRounds, withAgents, type FanOut } from './fan-out.js';
import { prepare } from './simulate/prepared.js';

/** One in a hundred never reads what it is sent. */
const STALLED = Math.ceil(MANY_AGENTS / 100);
const TENTH_STALLED = Math.ceil(STALLED / 10);
const FAN_OUT: FanOut = { agents: MANY_AGENTS, stalled: STALLED, rounds: 7 };
/** Whom the cost of each agent is compared with. */
const TENTH: FanOut = { agents: MANY_AGENTS / 10, stalled: 0, rounds: 7 };
const HUNDREDTH: FanOut = { agents: MANY_AGENTS / 100, stalled: 0, rounds: 21 };
/** A watcher of many costs no more than one of few. */
const FLAT: readonly Target[] = [{ kind: 'at most', of: 'ratio', limit: 1.1 }];
/** Reports and progress come round within it. */
const IDLE_MS = 60_000;
/** Until those who have just come have said all they say at first. */
const SETTLE_MS = 15_000;

/** Ten thousand agents: what a change takes, and what they cost while nothing happens. */
export const bench: Bench = {
  title: `${FAN_OUT.agents} agents, ${FAN_OUT.stalled} of which never read: a change until all others have it, memory, and CPU while nothing happens`,
  async run(progress): Promise<readonly Measured[]> {
    const prepared = await prepare(FAN_OUT.agents, progress);
    try {
      const server = await prepared.start();
      const empty = server.residentBytes();
      const of100 = await costAWatcher(prepared, server, HUNDREDTH);
      const of1000 = await costAWatcher(prepared, server, TENTH);
      const stalling = await besideStalled(prepared, server, TENTH, TENTH_STALLED);
      const seen = await withAgents(prepared, FAN_OUT, async (fleets) => {
        progress('all are connected');
        const rounds = await serverRounds(prepared, server, fleets, FAN_OUT);
        await sleep(SETTLE_MS);
        const memory = server.residentBytes() - empty;
        const [begun, before] = [performance.now(), server.cpuSeconds()];
        await sleep(IDLE_MS);
        return { ...rounds, memory, idle: ((server.cpuSeconds() - before) * 100_000) / (performance.now() - begun) };
      }).finally(() => server.stop());
      progress('measured; now the same streams with nothing behind them');
      const bare = await bareRounds(prepared, FAN_OUT);
      return [
        { what: 'change in the map, p99', unit: 'ms', values: seen.p99, floor: { what: 'ms, bare streams', values: bare.p99 }, targets: [{ kind: 'at most', of: 'value', limit: 500 }] },
        { what: `p99 of ${TENTH.agents} agents beside ${TENTH_STALLED} that never read`, unit: 'ms', values: stalling.beside, floor: { what: 'ms, without them', values: stalling.without }, targets: FLAT },
        { what: 'event loop at a standstill', unit: 'ms', values: [Math.max(...seen.stallMs)], targets: [{ kind: 'at most', of: 'value', limit: 20 }] },
        { what: `server, CPU for each of ${HUNDREDTH.agents} watchers`, unit: 'µs', values: [of100] },
        { what: `the same, of ${TENTH.agents}`, unit: 'µs', values: [of1000], floor: { what: `µs, of ${HUNDREDTH.agents}`, values: [of100] }, targets: FLAT },
        { what: `the same, of ${FAN_OUT.agents}`, unit: 'µs', values: [mean(seen.cpuUs)], floor: { what: `µs, of ${HUNDREDTH.agents}`, values: [of100] }, targets: FLAT },
        { what: 'server, memory an agent', unit: 'KiB', values: [seen.memory / 1024 / FAN_OUT.agents], targets: [{ kind: 'at most', of: 'value', limit: 100 }] },
        { what: 'server with idle agents, of a core', unit: '%', values: [seen.idle], targets: [{ kind: 'at most', of: 'value', limit: 10 }] },
      ];
    } finally {
      prepared.remove();
    }
  },
};
