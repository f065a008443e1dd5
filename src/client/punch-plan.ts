import { Endpoint_Kind, type Endpoint } from '../gen/networkcontroller/v1/types.js';
import { orderCandidates } from './candidates.js';
import { isSeenPortUseful, type NatKind } from './nat-kind.js';
import type { PunchPlan } from './punch.js';

/** One side of a pair. */
export interface PunchSide {
  readonly candidates: readonly Endpoint[];
  /** Undefined while it is being found out. */
  readonly nat: NatKind | undefined;
}

/**
 * Plans an attempt at a direct path. Both sides compute the same plan, each from its end.
 *
 * @returns Undefined while one side does not know its NAT: a pair that cannot be direct would lose the packets of the attempt.
 */
export function planPunch(ours: PunchSide, theirs: PunchSide, initiates: boolean): PunchPlan | undefined {
  if (ours.nat === undefined || theirs.nat === undefined) return undefined;
  const candidates = orderCandidates(ours.candidates, theirs.candidates, { seenPort: isSeenPortUseful(ours.nat, theirs.nat) });
  const reverse = orderCandidates(theirs.candidates, ours.candidates, { seenPort: isSeenPortUseful(theirs.nat, ours.nat) });
  return {
    candidates,
    turns: Math.max(candidates.length, reverse.length),
    symmetric: theirs.nat.symmetric || ours.nat.symmetric,
    listensFirst: !initiates && reverse.length > 0,
    isFinal: [ours, theirs].every(isSeen),
  };
}

function isSeen({ candidates }: PunchSide): boolean {
  return candidates.some(({ kind }) => kind === Endpoint_Kind.KIND_REFLEXIVE);
}
