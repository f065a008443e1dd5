import type { Bench, Measured } from './bench.js';
import { bareRounds, mean, serverRounds, withAgents, type FanOut } from './fan-out.js';
import { prepare } from './simulate/prepared.js';

const FAN_OUT: FanOut = { agents: 1_000, stalled: 0, rounds: 21 };

/** A change until it is in the maps of a thousand agents. */
export const bench: Bench = {
  title: `a change, from the admin's request until it is in the map of each of ${FAN_OUT.agents} agents; they and the server share the machine`,
  async run(progress): Promise<readonly Measured[]> {
    const prepared = await prepare(FAN_OUT.agents, progress);
    try {
      const server = await prepared.start();
      const seen = await withAgents(prepared, FAN_OUT, (fleets) => serverRounds(prepared, server, fleets, FAN_OUT)).finally(() => server.stop());
      progress('measured; now the same streams with nothing behind them');
      const bare = await bareRounds(prepared, FAN_OUT);
      return [
        { what: 'change in the map, p50', unit: 'ms', values: seen.p50, floor: { what: 'ms, bare streams', values: bare.p50 }, targets: [{ kind: 'at most', of: 'value', limit: 20 }] },
        { what: 'change in the map, p99', unit: 'ms', values: seen.p99, floor: { what: 'ms, bare streams', values: bare.p99 }, targets: [{ kind: 'at most', of: 'value', limit: 60 }] },
        { what: 'server, CPU a watcher', unit: 'µs', values: [mean(seen.cpuUs)] },
      ];
    } finally {
      prepared.remove();
    }
  },
};
