import { expect, it } from 'vitest';
import { publicRandom } from '../../src/platform/public-random.js';

it('never gives the same octets twice, over many blocks', () => {
  const seen = new Set(Array.from({ length: 2_000 }, () => publicRandom(16).toString('hex')));

  expect(seen.size).toBe(2_000);
});

it('gives as many as are asked for, whatever the block has left', () => {
  const lengths = [1, 4_096, 7, 4_090, 0, 4_096, 4_096, 3];

  expect(lengths.map((length) => publicRandom(length).length)).toEqual(lengths);
});

it('gives octets that are the caller’s own to change', () => {
  const first = publicRandom(8);
  const before = first.toString('hex');

  publicRandom(8).fill(0);
  publicRandom(5_000 - 904).fill(0);

  expect(first.toString('hex')).toBe(before);
});

it('favours no value of an octet', () => {
  const counts = new Array<number>(256).fill(0);

  for (let i = 0; i < 100; i++) for (const octet of publicRandom(2_560)) counts[octet]!++;

  // 1000 of each are expected; eight standard deviations are 253.
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(253);
});
