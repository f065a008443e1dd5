import { describe, expect, it } from 'vitest';
import { NodeIds } from '../../../src/server/services/node-ids.js';

const NOW = Date.UTC(2026, 10, 21);
const many = (ids: NodeIds, count: number, atMs: (i: number) => number): string[] => Array.from({ length: count }, (_, i) => ids.next(atMs(i)));

describe('ids of nodes', () => {
  it('are sixteen hex digits, whatever the time', () => {
    for (const ms of [0, 1, NOW, Date.UTC(2108, 0, 1), 2 ** 42, 2 ** 52]) expect(new NodeIds().next(ms)).toMatch(/^[0-9a-f]{16}$/);
  });

  it.each<[string, (i: number) => number]>([
    ['the clock goes on', (i) => NOW + i],
    ['many come in one millisecond', () => NOW],
    ['the clock is set back', (i) => NOW - i * 1000],
    ['the clock goes there and back', (i) => NOW + (i % 7) * 50],
  ])('come in order and none twice while %s', (_, atMs) => {
    const ids = many(new NodeIds(), 5_000, atMs);

    expect(ids).toEqual([...ids].sort());
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('of a server that started later come after those of the one before', () => {
    const before = many(new NodeIds(), 100, (i) => NOW + i);

    expect(new NodeIds().next(NOW + 1_000) > before.at(-1)!).toBe(true);
  });

  it('of two servers at the same moment are not the same', () => {
    const [one, other] = [new NodeIds(), new NodeIds()];
    const ids = [...many(one, 50, (i) => NOW + i), ...many(other, 50, (i) => NOW + i)];

    expect(new Set(ids).size).toBe(ids.length);
  });

  it('do not follow from the one before', () => {
    const ids = many(new NodeIds(), 50, () => NOW).map((id) => BigInt(`0x${id}`));
    const steps = ids.slice(1).map((id, i) => id - ids[i]!);

    expect(new Set(steps).size).toBeGreaterThan(40);
  });
});
