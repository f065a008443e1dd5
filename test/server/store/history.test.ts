import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { horizon } from '../../../src/server/store/history.js';

/** A log of revisions 1…n at the given times, of which the first `forgotten` are gone. */
function logOf(times: readonly number[], forgotten: number): { compactRev: bigint; atMs(rev: bigint): number | undefined } {
  return { compactRev: BigInt(forgotten), atMs: (rev) => times[Number(rev) - 1] };
}

describe('the horizon of history', () => {
  it('is the newest revision that is too old or too many, and never the newest of all', () => {
    const times = fc.array(fc.nat(1_000), { minLength: 1, maxLength: 60 }).map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(times, fc.nat(60), fc.nat(1_200), fc.integer({ min: 1, max: 80 }), (atMs, gone, keepMs, keepRevisions) => {
        const forgotten = Math.min(gone, atMs.length - 1);
        const nowMs = 1_000;
        const tooOld = atMs.slice(0, -1).filter((time) => time < nowMs - keepMs).length;
        const tooMany = Math.max(0, atMs.length - keepRevisions);

        const found = horizon(logOf(atMs, forgotten), BigInt(atMs.length), { keepMs, keepRevisions }, nowMs);

        expect(found).toBe(BigInt(Math.max(forgotten, tooOld, tooMany)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is nothing for an empty store', () => {
    expect(horizon(logOf([], 0), 0n, { keepMs: 0, keepRevisions: 1 }, 1_000)).toBe(0n);
  });

  it('stays within the kept history when the clock was set back', () => {
    const found = horizon(logOf([900, 950, 100, 110, 960], 0), 5n, { keepMs: 500, keepRevisions: 100 }, 1_000);
    expect(found).toBeGreaterThanOrEqual(0n);
    expect(found).toBeLessThan(5n);
  });
});
