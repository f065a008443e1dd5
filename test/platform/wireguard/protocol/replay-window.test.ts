import fc from 'fast-check';
import { expect, it } from 'vitest';
import { REPLAY_WINDOW, ReplayWindow } from '../../../../src/platform/wireguard/protocol/replay-window.js';

it('accepts each counter once, from zero on', () => {
  const window = new ReplayWindow();

  const answers = [0, 1, 0, 1, 3, 2, 2, 3].map((counter) => window.accept(counter));

  expect(answers).toEqual([true, true, false, false, true, true, false, false]);
});

it('forgives lateness up to the width of the window and no further', () => {
  const window = new ReplayWindow();
  window.accept(10_000);

  expect(window.accept(10_000 - REPLAY_WINDOW)).toBe(true);
  expect(window.accept(10_000 - REPLAY_WINDOW - 1)).toBe(false);
  expect(window.isTooOld(10_000 - REPLAY_WINDOW - 1)).toBe(true);
});

it('forgets what it saw when a counter jumps far ahead, and accepts around it', () => {
  const window = new ReplayWindow();
  for (let counter = 0; counter < 5000; counter++) window.accept(counter);
  const far = 2 ** 50;

  expect([window.accept(far), window.accept(far - 1), window.accept(far), window.accept(4999)]).toEqual([true, true, false, false]);
});

it('agrees with a set that forgets nothing, whatever the order', () => {
  const step = fc.oneof({ weight: 8, arbitrary: fc.integer({ min: -40, max: 40 }) }, fc.integer({ min: -3000, max: 3000 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const window = new ReplayWindow();
      const seen = new Set<number>();
      let counter = 5000;
      let newest = -1;
      for (const by of steps) {
        counter = Math.max(0, counter + by);
        const wanted = !seen.has(counter) && counter + REPLAY_WINDOW >= newest;
        expect(window.accept(counter)).toBe(wanted);
        seen.add(counter);
        newest = Math.max(newest, counter);
      }
    }),
    { seed: 6479, numRuns: 300 },
  );
});
