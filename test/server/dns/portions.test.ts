import { describe, expect, it } from 'vitest';
import { portionsOf } from '../../../src/server/dns/portions.js';

describe('portions', () => {
  it.each([
    [0, []],
    [1, [1]],
    [3, [3]],
    [7, [3, 3, 1]],
  ])('of %i things have all of them', (count, lengths) => {
    const things = Array.from({ length: count }, (_, i) => i);

    const portions = [...portionsOf(things, 3)];

    expect(portions.map(({ length }) => length)).toEqual(lengths);
    expect(portions.flat()).toEqual(things);
  });
});
