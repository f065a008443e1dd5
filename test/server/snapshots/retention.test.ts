import { describe, expect, it } from 'vitest';
import { dispensable } from '../../../src/server/snapshots/retention.js';

const at = (...days: string[]) => days.map((day) => ({ createdAtMs: Date.parse(`${day}Z`), day }));
const gone = (days: readonly string[], daily: number, weekly: number): string[] => dispensable(at(...days), { daily, weekly }).map(({ day }) => day).sort();

describe('retention', () => {
  it('lets the older ones of a day go', () => {
    expect(gone(['2026-05-12T01:00', '2026-05-12T23:59', '2026-05-13T00:00'], 7, 4)).toEqual(['2026-05-12T01:00']);
  });

  it('counts days that have a snapshot, not days that passed', () => {
    expect(gone(['2026-01-01T00:00', '2026-03-01T00:00', '2026-05-12T00:00'], 2, 0)).toEqual(['2026-01-01T00:00']);
  });

  it('keeps the newest of each week, from Monday on, beside the days', () => {
    // 2026-05-10 is a Sunday.
    expect(gone(['2026-05-08T00:00', '2026-05-10T00:00', '2026-05-11T00:00', '2026-05-12T00:00'], 1, 2)).toEqual(['2026-05-08T00:00', '2026-05-11T00:00']);
  });

  it('never lets the newest go', () => {
    expect(gone(['2026-05-10T00:00', '2026-05-12T00:00'], 0, 0)).toEqual(['2026-05-10T00:00']);
    expect(gone([], 0, 0)).toEqual([]);
  });
});
