import type { Manifest } from './manifest.js';

/** How many days and weeks are to be kept, each by its newest snapshot. */
export interface Retention {
  readonly daily: number;
  readonly weekly: number;
}

const DAY_MS = 86_400_000;
/** 1 January 1970 was a Thursday; weeks begin on Monday. */
const MONDAY_MS = 4 * DAY_MS;

/**
 * The snapshots that may go: all but the newest one of each of the newest `daily` days and `weekly` weeks (UTC) that have any. The newest
 * of all stays in any case.
 */
export function dispensable<T extends Pick<Manifest, 'createdAtMs'>>(snapshots: readonly T[], { daily, weekly }: Retention): readonly T[] {
  const newestFirst = snapshots.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
  const kept = new Set([
    ...newestFirst.slice(0, 1),
    ...firstOfEach(newestFirst, ({ createdAtMs }) => Math.floor(createdAtMs / DAY_MS)).slice(0, daily),
    ...firstOfEach(newestFirst, ({ createdAtMs }) => Math.floor((createdAtMs - MONDAY_MS) / (7 * DAY_MS))).slice(0, weekly),
  ]);
  return newestFirst.filter((snapshot) => !kept.has(snapshot));
}

function firstOfEach<T>(items: readonly T[], groupOf: (item: T) => number): T[] {
  const seen = new Set<number>();
  return items.filter((item) => {
    const group = groupOf(item);
    if (seen.has(group)) return false;
    seen.add(group);
    return true;
  });
}
