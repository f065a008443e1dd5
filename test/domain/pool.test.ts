import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Pool } from '../../src/domain/pool.js';

it('refuses a number that is taken, outside, or no number', () => {
  const pool = new Pool(8);

  expect(pool.take(3)).toBe(true);

  expect(pool.take(3)).toBe(false);
  for (const bad of [-1, 8, 1.5, Number.NaN]) expect(pool.take(bad)).toBe(false);
  expect(pool.release(7)).toBe(false);
  expect(pool.taken).toBe(1);
});

it('says −1 when full, for sizes on and off the word boundaries', () => {
  for (const size of [1, 31, 32, 33, 1023, 1024, 1025, 32_769]) {
    const pool = new Pool(size);
    for (let i = 0; i < size; i++) expect(pool.takeLowest()).toBe(i);

    expect(pool.takeLowest()).toBe(-1);

    expect(pool.release(size - 1)).toBe(true);
    expect(pool.takeLowest()).toBe(size - 1);
  }
});

it('hands out the lowest free number, like a plain set would', () => {
  const step = fc.record({ op: fc.constantFrom('lowest', 'take', 'release'), n: fc.nat(69) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const pool = new Pool(70);
      const model = new Set<number>();
      for (const { op, n } of steps) {
        if (op === 'lowest') {
          const lowest = Array.from({ length: 70 }, (_, i) => i).find((i) => !model.has(i)) ?? -1;
          expect(pool.takeLowest()).toBe(lowest);
          if (lowest >= 0) model.add(lowest);
        } else if (op === 'take') {
          expect(pool.take(n)).toBe(!model.has(n));
          model.add(n);
        } else {
          expect(pool.release(n)).toBe(model.delete(n));
        }
        expect(pool.taken).toBe(model.size);
      }
    }),
    { numRuns: 200, seed: 7 },
  );
});

it('costs one bit an address: a /8 fits into 2.2 MiB', () => {
  const before = process.memoryUsage().arrayBuffers;

  const pool = new Pool(2 ** 24);

  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2.2 * 2 ** 20);
  expect(pool.take(2 ** 24 - 1)).toBe(true);
});
