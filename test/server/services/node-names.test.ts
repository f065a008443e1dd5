import { expect, it } from 'vitest';
import { TokenRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { NodeNames } from '../../../src/server/services/node-names.js';
import { SetAside } from '../../../src/server/services/set-aside.js';
import type { LocalView } from '../../../src/server/store/local-view.js';

const TOKEN = TokenRecord.fromPartial({ network: 'default' });

/** A store in which these names are taken. */
function start(taken: readonly string[] = []) {
  const owned = new Set(taken);
  let looks = 0;
  const nameOwner = (_network: string, name: string): object | undefined => {
    looks++;
    return owned.has(name) ? {} : undefined;
  };
  const names = new NodeNames();
  const choose = (hostname: string, aside = new SetAside(), token = TOKEN): string =>
    names.choose({ nameOwner } as unknown as LocalView, token, { nodeName: '', hostname }, aside);
  /** Chooses a name, and has it in the store from then on. */
  const join = (hostname: string): string => {
    const aside = new SetAside();
    const name = choose(hostname, aside);
    owned.add(name);
    aside.release();
    return name;
  };
  return { names, owned, choose, join, looks: () => looks };
}

const variants = (count: number): string[] => Array.from({ length: count }, (_, i) => (i === 0 ? 'web' : `web-${i + 1}`));

it('refuses a name that a node has, whether the token or the machine asks for it', () => {
  const { names, choose } = start(['db']);
  const view = { nameOwner: () => ({}) } as unknown as LocalView;

  expect(() => names.choose(view, TOKEN, { nodeName: 'db', hostname: '' }, new SetAside())).toThrow(expect.objectContaining({ code: 'name_taken' }));
  expect(() => choose('', new SetAside(), TokenRecord.fromPartial({ network: 'default', nodeName: 'db' }))).toThrow(expect.objectContaining({ code: 'name_taken' }));
});

it('refuses a name that is no label', () => {
  const { names } = start();

  expect(() => names.choose({} as LocalView, TOKEN, { nodeName: 'Web 1', hostname: '' }, new SetAside())).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
});

it('calls a machine that says nothing usable a node', () => {
  expect(start().choose('...')).toBe('node');
});

it('gives machines that come together different names, before one of them is in the store', () => {
  const { choose } = start();

  expect(Array.from({ length: 50 }, () => choose('web'))).toEqual(variants(50));
});

it('gives a name again that nobody came to have', () => {
  const { choose } = start();
  const aside = new SetAside();
  choose('web', aside);
  aside.release();

  expect(choose('web')).toBe('web');
});

it('gives the name itself again once it is free, however many variants there are', () => {
  const { owned, join } = start(variants(100));
  owned.delete('web');

  expect(join('web')).toBe('web');
});

it('looks at a few names, however many machines share one hostname', () => {
  const { join, looks } = start(variants(100_000));

  expect(join('web')).toBe('web-100001');
  expect(looks()).toBeLessThan(60);
  const before = looks();
  for (let n = 2; n <= 1_000; n++) expect(join('web')).toBe(`web-${100_000 + n}`);
  expect((looks() - before) / 999).toBeLessThan(4);
});

it('finds a free name among gaps', () => {
  const { owned, join } = start(variants(64).filter((_, i) => i % 7 !== 3));

  for (let n = 0; n < 200; n++) {
    const size = owned.size;
    join('web');
    expect(owned.size).toBe(size + 1);
  }
});
