import { describe, expect, it } from 'vitest';
import { changedPart } from '../../src/platform/changed-part.js';

describe('what has changed in a list', () => {
  it.each([
    ['nothing', 'abc', 'abc', '', ''],
    ['what was put in front', 'abc', 'xabc', '', 'x'],
    ['what was put in the middle', 'abc', 'abxc', '', 'x'],
    ['what was appended', 'abc', 'abcx', '', 'x'],
    ['what was taken out', 'abc', 'ac', 'b', ''],
    ['what was put in the place of another', 'abc', 'axc', 'b', 'x'],
    ['all of it when nothing is left', 'abc', '', 'abc', ''],
    ['all of it when there was nothing', '', 'abc', '', 'abc'],
    ['what lies between two changes', 'abcde', 'axcye', 'bcd', 'xcy'],
    ['one of several that are alike', 'aaa', 'aaaa', '', 'a'],
    ['one of several that are alike, less', 'aaaa', 'aaa', 'a', ''],
  ])('is %s', (_what, before, now, gone, come) => {
    expect(changedPart([...before], [...now])).toEqual({ gone: [...gone], come: [...come] });
  });

  it('gives the new list when it is put in the place of the old part, whatever was done', () => {
    for (let n = 0; n < 500; n++) {
      const [before, now] = [someLetters(), someLetters()];
      const { gone, come } = changedPart(before, now);

      const places = Array.from({ length: before.length - gone.length + 1 }, (_, start) => start).filter((start) => before.slice(start, start + gone.length).join() === gone.join());
      expect(places.map((start) => before.toSpliced(start, gone.length, ...come).join(''))).toContain(now.join(''));
    }
  });

  it('is told by another comparison than identity when there is one', () => {
    const before = [{ key: 'a', n: 1 }, { key: 'b', n: 1 }];
    const now = [{ key: 'a', n: 1 }, { key: 'b', n: 2 }];

    expect(changedPart(before, now).come).toHaveLength(2);
    expect(changedPart(before, now, (a, b) => a.n === b.n)).toEqual({ gone: [before[1]], come: [now[1]] });
  });
});

function someLetters(): string[] {
  return Array.from({ length: Math.floor(Math.random() * 8) }, () => 'ab'[Math.floor(Math.random() * 2)]!);
}
