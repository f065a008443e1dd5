import { setPriority } from 'node:os';
import { Fleet, type FleetSettings } from './fleet.js';
import { readMembers } from './member.js';
import type { FleetAnswer, FleetRequest } from './fleets.js';

/**
 * Behind the server, as nice(1) counts: on two cores four processes of agents would leave it less than half of one, which no number of real
 * machines can do.
 */
const NICENESS = 10;
setPriority(NICENESS);
// When a server goes thousands of connections end with several errors each. Nobody reads where they were made, and to write it down takes longer than to
// connect anew.
Error.stackTraceLimit = 0;
process.setSourceMapsEnabled(false);

/** A fleet in a process of its own: it does what its parent asks for, and ends with it. */
let fleet: Fleet | undefined;

process.on('message', ({ id, ask, args }: FleetRequest) => {
  void answer(ask, args).then(
    (result) => send({ id, result }),
    (error: unknown) => send({ id, error: String(error) }),
  );
});
process.once('disconnect', () => process.exit());

function send(message: FleetAnswer): void {
  process.send?.(message);
}

async function answer(ask: FleetRequest['ask'], args: readonly unknown[]): Promise<unknown> {
  if (ask === 'make') {
    const [{ path, from, count, ...settings }] = args as [Omit<FleetSettings, 'members'> & { path: string; from: number; count: number }];
    fleet = new Fleet({ ...settings, members: readMembers(path, from, count) });
    return undefined;
  }
  if (fleet === undefined) throw new Error('want a fleet made first');
  return (fleet[ask] as (...args: readonly unknown[]) => unknown).apply(fleet, [...args]);
}
