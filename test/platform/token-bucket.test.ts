import { expect, it } from 'vitest';
import { TokenBucket } from '../../src/platform/token-bucket.js';

it('gives a second\'s worth at once and then as much as time brings', () => {
  const bucket = new TokenBucket(10, 0);

  expect(bucket.take(10, 0)).toBe(true);
  expect(bucket.take(1, 99)).toBe(false);
  expect(bucket.take(1, 100)).toBe(true);
  expect(bucket.take(1, 100)).toBe(false);
});

it('saves no more than a second\'s worth', () => {
  const bucket = new TokenBucket(10, 0);

  expect(bucket.take(11, 60_000)).toBe(false);
  expect(bucket.take(10, 60_000)).toBe(true);
});

it('neither starves nor overflows when the clock is set back', () => {
  const bucket = new TokenBucket(10, 1_000_000);
  bucket.take(10, 1_000_000);

  expect(bucket.take(1, 0)).toBe(false);
  expect(bucket.take(5, 500)).toBe(true);
  expect(bucket.take(1, 500)).toBe(false);
});

it('gives nothing at a rate of 0, and everything at one without bound', () => {
  const [none, all] = [new TokenBucket(0, 0), new TokenBucket(Number.POSITIVE_INFINITY, 0)];

  for (const nowMs of [0, 0, 5_000, 4_000]) {
    expect(none.take(1, nowMs)).toBe(false);
    expect(all.take(1_000, nowMs)).toBe(true);
  }
});
