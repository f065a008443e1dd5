import { describe, expect, it } from 'vitest';
import { nearestRelay } from '../../src/client/relay-choice.js';

const at = (ways: Record<string, number>): Map<string, number> => new Map(Object.entries(ways).map(([name, ms]) => [name, ms * 1000]));

describe('the relay of a pair', () => {
  it.each([
    ['the shortest way from one end to the other', { '': 80, paris: 10, tokyo: 100 }, { '': 80, paris: 90, tokyo: 5 }, '', 'paris'],
    ['not the one that is nearest to this end alone', { '': 40, paris: 5 }, { '': 20, paris: 120 }, '', ''],
    ['the one in use, unless another is clearly nearer', { '': 20, paris: 18 }, { '': 20, paris: 19 }, '', ''],
    ['the one in use, unless milliseconds are gained', { '': 2, paris: 0.2 }, { '': 2, paris: 0.2 }, '', ''],
    ['no relay that the other end does not reach', { '': 50, paris: 5 }, { '': 50 }, '', ''],
    ['no relay that this end does not reach', { '': 50 }, { '': 50, paris: 5 }, '', ''],
    ["the controller's own in the place of one that is dead", { '': 50 }, { '': 50 }, 'paris', ''],
    ['another in the place of one that is dead', { '': 50, rome: 30 }, { '': 50, rome: 30 }, 'paris', 'rome'],
    ["a relay, when the controller's own is dead", { paris: 30 }, { '': 50, paris: 30 }, '', 'paris'],
    ['the one in use, when the other end has said nothing', { '': 50, paris: 5 }, {}, 'paris', 'paris'],
    ["the controller's own, when the other end has said nothing and the one in use is dead", { '': 50, rome: 5 }, {}, 'paris', ''],
    ["the nearest, when nothing is known of the other end and the controller's own is dead", { rome: 9, paris: 5 }, {}, '', 'paris'],
    ["the controller's own, when nothing answers at all", {}, {}, 'paris', ''],
    ["the controller's own, when nothing answers here", {}, { '': 1, paris: 1 }, 'paris', ''],
  ] as const)('is %s', (_what, own, theirs, current, chosen) => {
    expect(nearestRelay(at(own), at(theirs), current)).toBe(chosen);
  });
});
