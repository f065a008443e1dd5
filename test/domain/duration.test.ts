import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/domain/duration.js';

describe('durations', () => {
  it.each(['', '10', 'm', '-10m', '1.5h', '10 m', '10M', '1h30', '10y', 'never', '99999999999999999999d'])('refuses %j', (text) => {
    expect(() => parseDuration(text, 'expire')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('says which setting is wrong and what it wants', () => {
    expect(() => parseDuration('soon', 'expire')).toThrow('expire: want a duration like 90s, 10m, 1h30m or 7d, got "soon"');
  });

  it.each([
    ['250ms', 250],
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['1w', 604_800_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it.each([
    [0, '0ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [200_000, '3m20s'],
    [7_200_000, '2h'],
    [532_800_000, '6d4h'],
    [86_405_000, '1d'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('reads back what it writes, less than its two units away', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1_000, max: 1e12 }), (ms) => {
        const back = parseDuration(formatDuration(ms));
        expect(back).toBeLessThanOrEqual(ms + 500);
        expect(back).toBeGreaterThan(ms * 0.95 - 1_000);
      }),
    );
  });
});
