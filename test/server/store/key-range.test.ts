import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { prefixEnd } from '../../../src/server/store/key-range.js';

/** As SQLite and etcd compare keys. */
const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const key = fc.string({ unit: fc.oneof(fc.constantFrom('a', 'b', '/', '\u0000', '\ud7ff', '\ue000', '\uffff', '\u{10ffff}'), fc.string({ unit: 'binary', minLength: 1, maxLength: 1 })), maxLength: 6 });

describe('the end of a prefix', () => {
  it('parts the keys that start with it from those after them, whatever the characters', () => {
    fc.assert(
      fc.property(key, key, (prefix, rest) => {
        for (const candidate of [rest, prefix + rest]) {
          const end = prefixEnd(prefix);
          const inRange = compare(candidate, prefix) >= 0 && (end === undefined || compare(candidate, end) < 0);
          expect(inRange).toBe(candidate.startsWith(prefix));
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('is open for the empty prefix and for one that nothing can follow', () => {
    expect([prefixEnd(''), prefixEnd('\u{10ffff}'), prefixEnd('\u{10ffff}\u{10ffff}')]).toEqual([undefined, undefined, undefined]);
  });
});
