import type { EventLog } from './event-log.js';

/** How much history to keep: agents, replicas and people resume from it. */
export interface HistoryPolicy {
  readonly keepMs: number;
  readonly keepRevisions: number;
}

/** A day, and never more than two million revisions. */
export const DEFAULT_HISTORY: HistoryPolicy = { keepMs: 24 * 60 * 60 * 1000, keepRevisions: 2_000_000 };

/**
 * The newest revision that `policy` lets go: whatever is too old, and the oldest of what is too much. 0 when all is to be kept.
 *
 * @param rev The store's revision; it is always kept.
 */
export function horizon(log: Pick<EventLog, 'atMs' | 'compactRev'>, rev: bigint, policy: HistoryPolicy, nowMs: number): bigint {
  const byCount = rev - BigInt(policy.keepRevisions);
  const byAge = lastBefore(log, log.compactRev, rev, nowMs - policy.keepMs);
  const newest = byCount > byAge ? byCount : byAge;
  return newest > log.compactRev ? newest : log.compactRev;
}

/** By halving, since revisions come in the order of time; a clock that was set back makes the answer a little older or younger. */
function lastBefore(log: Pick<EventLog, 'atMs'>, from: bigint, to: bigint, cutoffMs: number): bigint {
  let kept = to;
  let gone = from;
  while (kept - gone > 1n) {
    const middle = (kept + gone) / 2n;
    if ((log.atMs(middle) ?? Infinity) < cutoffMs) gone = middle;
    else kept = middle;
  }
  return gone;
}
