import { beforeEach, describe, expect, it } from 'vitest';
import { RevisionMemo } from '../../../src/server/store/revision-memo.js';

/** A store that moves on when it is told to, and counts how often it is read. */
class Store {
  rev = 5n;
  reads = 0;
  value: string | undefined = 'first';

  read = (): string | undefined => {
    this.reads++;
    return this.value;
  };
}

describe('what is kept for a revision', () => {
  let store: Store;
  let memo: RevisionMemo;

  beforeEach(() => {
    store = new Store();
    memo = new RevisionMemo(store);
  });

  it('is read once', () => {
    expect([memo.find('token a', store.read), memo.find('token a', store.read)]).toEqual(['first', 'first']);
    expect(store.reads).toBe(1);
  });

  it('is read again after each change, up or down', () => {
    const seen = [6n, 7n, 5n].map((rev) => {
      store.value = `at ${rev}`;
      store.rev = rev;
      return memo.find('token a', store.read);
    });

    expect(seen).toEqual(['at 6', 'at 7', 'at 5']);
  });

  it('is forgotten with a change, though nobody asks for it in between', () => {
    memo.find('token a', store.read);
    store.rev = 6n;
    memo.find('token b', store.read);
    store.value = 'second';

    expect(memo.find('token a', store.read)).toBe('second');
  });

  it('is another thing under another name', () => {
    memo.find('token a', store.read);
    store.value = 'second';

    expect(memo.find('token b', store.read)).toBe('second');
  });

  it('is not that there was nothing, of which there is any number', () => {
    store.value = undefined;

    expect([memo.find('token a', store.read), memo.find('token a', store.read)]).toEqual([undefined, undefined]);
    expect(store.reads).toBe(2);
  });

  it('is nothing when it could not be read', () => {
    const fail = (): never => {
      throw new Error('disk');
    };

    expect(() => memo.find('token a', fail)).toThrow('disk');
    expect(memo.find('token a', store.read)).toBe('first');
  });
});
