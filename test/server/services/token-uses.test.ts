import { expect, it } from 'vitest';
import { TokenRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { SetAside } from '../../../src/server/services/set-aside.js';
import { TokenUses } from '../../../src/server/services/token-uses.js';
import type { LocalView } from '../../../src/server/store/local-view.js';

/** A token of which these uses are spent. */
function start(maxUses: number, spentUses: readonly number[] = []) {
  const spent = new Set(spentUses);
  let looks = 0;
  const tokenUse = (_id: string, n: number): object | undefined => {
    looks++;
    return spent.has(n) ? {} : undefined;
  };
  const uses = new TokenUses();
  const token = TokenRecord.fromPartial({ id: 't1', maxUses });
  const claim = (aside = new SetAside()): number | undefined => uses.claim({ tokenUse } as unknown as LocalView, token, aside);
  return { spent, claim, looks: () => looks };
}

it('has no use left when all are spent', () => {
  expect(start(3, [0, 1, 2]).claim()).toBeUndefined();
});

it('has no use left while others are about to spend them', () => {
  const { claim } = start(2);

  expect([claim(), claim(), claim()]).toEqual([0, 1, undefined]);
});

it('gives a use again that was not spent after all', () => {
  const { claim } = start(1);
  const aside = new SetAside();
  claim(aside);
  aside.release();

  expect(claim()).toBe(0);
});

it('gives the use that was left out when a later one was spent before it', () => {
  const { claim } = start(3, [0, 2]);

  expect([claim(), claim()]).toEqual([1, undefined]);
});

it('does not look again at what is spent', () => {
  const { spent, claim, looks } = start(10_000, Array.from({ length: 5_000 }, (_, n) => n));
  const first = new SetAside();
  claim(first);
  first.release();
  const before = looks();

  for (let n = 5_000; n < 6_000; n++) {
    const aside = new SetAside();
    spent.add(claim(aside)!);
    aside.release();
  }
  expect((looks() - before) / 1_000).toBeLessThan(5);
});
