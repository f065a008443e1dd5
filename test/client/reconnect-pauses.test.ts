import { describe, expect, it } from 'vitest';
import { ReconnectPauses } from '../../src/client/reconnect-pauses.js';

const MINUTE_MS = 60_000;

/** As many pauses as it takes to see the longest. */
function drawn(pauses: ReconnectPauses, nowMs: number): number[] {
  return Array.from({ length: 500 }, () => pauses.next(nowMs));
}

describe('a node that has lost its controller waits', () => {
  it('never longer than six tenths of a second in the first minute: the controller may only be restarting', () => {
    const waits = drawn(new ReconnectPauses(0), MINUTE_MS - 1);

    expect(Math.max(...waits)).toBeLessThanOrEqual(600);
    expect(Math.max(...waits)).toBeGreaterThan(400);
  });

  it('up to thirty seconds after that', () => {
    const waits = drawn(new ReconnectPauses(0), MINUTE_MS);

    expect(Math.max(...waits)).toBeLessThanOrEqual(30_000);
    expect(Math.max(...waits)).toBeGreaterThan(10_000);
  });

  it('a short moment before the first attempts, in either case', () => {
    expect(new ReconnectPauses(0).next(0)).toBeLessThanOrEqual(200);
    expect(new ReconnectPauses(0).next(MINUTE_MS)).toBeLessThanOrEqual(200);
  });

  it('like in the beginning after a connection that held', () => {
    const pauses = new ReconnectPauses(0);
    drawn(pauses, 10 * MINUTE_MS);

    pauses.held(11 * MINUTE_MS);

    expect(pauses.next(11 * MINUTE_MS)).toBeLessThanOrEqual(200);
    expect(Math.max(...drawn(pauses, 12 * MINUTE_MS - 1))).toBeLessThanOrEqual(600);
  });

  it.each([
    ['as long as a crowd was asked to', 40_000, 40_000],
    ['a minute at most, whatever a controller asks', 4_294_967_295, MINUTE_MS],
  ])('%s, once it has tried in vain: a controller that comes back is not asked by all at once', (_name, askedMs, longestMs) => {
    const pauses = new ReconnectPauses(0);
    pauses.held(0, askedMs);

    expect(pauses.next(0)).toBeLessThanOrEqual(200);
    const waits = drawn(pauses, MINUTE_MS - 1);
    expect(Math.max(...waits)).toBeLessThanOrEqual(longestMs);
    expect(Math.max(...waits)).toBeGreaterThan(longestMs * 0.9);
    expect(Math.min(...waits)).toBeLessThan(longestMs / 4);
  });

  it('each for another time: nodes that were lost together do not come back together', () => {
    const waits = Array.from({ length: 200 }, () => drawn(new ReconnectPauses(0), MINUTE_MS).at(-1)!);

    expect(new Set(waits.map((ms) => Math.floor(ms / 3000))).size).toBeGreaterThan(5);
  });
});
