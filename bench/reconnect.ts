import type { Bench, Measured } from './bench.js';
import { MANY_AGENTS, withAgents, type FanOut } from './fan-out.js';
import type { BareServer } from './simulate/bare.js';
import type { Fleets } from './simulate/fleets.js';
import { monotonicMs } from './simulate/fleet.js';
import { prepare } from './simulate/prepared.js';

const AGENTS: FanOut = { agents: MANY_AGENTS, stalled: 0, rounds: 1 };

/** Restarts with ten thousand agents: how long until all are back. */
export const bench: Bench = {
  title: `a server with ${AGENTS.agents} agents is started anew, in order and after a crash, until all are back; they share the machine`,
  async run(progress): Promise<readonly Measured[]> {
    const prepared = await prepare(AGENTS.agents, progress);
    let server = await prepared.start();
    try {
      const seen = await withAgents(prepared, AGENTS, async (fleets) => {
        progress('all are connected');
        const ordered = await secondsUntilBack(fleets, () => server.stop(), async () => (server = await prepared.start()));
        progress(`back after ${ordered.toFixed(1)} s`);
        const crashed = await secondsUntilBack(fleets, () => server.kill(), async () => (server = await prepared.start()));
        progress(`back after ${crashed.toFixed(1)} s from a crash`);
        const status = await fleets.status();
        let floor: BareServer | undefined;
        const bare = await secondsUntilBack(fleets, () => server.kill(), async () => (floor = await prepared.startBare())).finally(() => floor?.stop());
        return { ordered, crashed, bare, status };
      }).finally(() => server.kill());
      const floor = { what: 's, bare streams', values: [seen.bare] };
      return [
        { what: 'all back after a restart', unit: 's', values: [seen.ordered], floor, targets: [{ kind: 'at most', of: 'value', limit: 60 }] },
        { what: 'all back after a crash', unit: 's', values: [seen.crashed], floor, targets: [{ kind: 'at most', of: 'value', limit: 60 }] },
        { what: 'refused for good', unit: 'agents', values: [seen.status.ended], targets: [{ kind: 'at most', of: 'value', limit: 0 }] },
        { what: 'sent the whole map again', unit: 'agents', values: [seen.status.resets + seen.status.snapshots], targets: [{ kind: 'at most', of: 'value', limit: 0 }] },
      ];
    } finally {
      prepared.remove();
    }
  },
};

/** From the moment at which nobody listens any more: with the start of whoever listens then. */
async function secondsUntilBack(fleets: Fleets, stop: () => Promise<void>, start: () => Promise<unknown>): Promise<number> {
  await fleets.mark();
  await stop();
  const begun = monotonicMs();
  await start();
  const connects = await fleets.back();
  return (connects.reduce((last, atMs) => Math.max(last, atMs), begun) - begun) / 1000;
}
