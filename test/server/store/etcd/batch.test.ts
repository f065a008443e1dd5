import { describe, expect, it } from 'vitest';
import { nextBatch, requestOf, sendable, type Sendable } from '../../../../src/server/store/etcd/batch.js';
import type { Compare, Transaction } from '../../../../src/server/store/store.js';

const put = (key: string, bytes = 1) => ({ put: key, value: new Uint8Array(bytes) });
const absent = (key: string): Compare => ({ key, absent: true });
const ready = (transaction: Partial<Transaction>): Sendable => sendable({ if: [], then: [], ...transaction }, []);

describe('a batch', () => {
  const a = ready({ if: [absent('a')], then: [put('x')] });
  const apart: Record<string, Partial<Transaction>> = {
    'writes what another one writes': { then: [put('x')] },
    'deletes what another one writes': { then: [{ del: 'x' }] },
    'writes what another one compares': { then: [put('a')] },
    'compares what another one writes': { if: [absent('x')], then: [put('b')] },
    'reads what another one writes': { if: [absent('b')], then: [put('b')], elseGet: ['x'] },
  };
  for (const [why, transaction] of Object.entries(apart)) {
    it(`leaves out who ${why}`, () => {
      const other = ready(transaction);
      expect(nextBatch([a, other])).toEqual({ batch: [a], rest: [other] });
    });
  }

  it('takes who compares what another one compares, and later ones past one left out', () => {
    const left = ready({ then: [put('x')] });
    const shares = ready({ if: [absent('a')], then: [put('y')] });
    expect(nextBatch([a, left, shares])).toEqual({ batch: [a, shares], rest: [left] });
  });

  it('holds forty at most, in the order in which they came', () => {
    const many = Array.from({ length: 50 }, (_, i) => ready({ then: [put(`k${i}`)] }));
    expect(nextBatch(many)).toEqual({ batch: many.slice(0, 40), rest: many.slice(40) });
  });

  it('stays below 512 KiB, but takes one that is larger alone', () => {
    const [large, small, medium] = [ready({ then: [put('l', 900_000)] }), ready({ then: [put('s')] }), ready({ then: [put('m', 500_000)] })];
    expect(nextBatch([large, small, medium])).toEqual({ batch: [large], rest: [small, medium] });
    expect(nextBatch([small, large, medium])).toEqual({ batch: [small, medium], rest: [large] });
  });

  it('counts the longest transaction and their number together, as etcd does', () => {
    const long = ready({ then: Array.from({ length: 120 }, (_, i) => put(`long${i}`)) });
    const short = Array.from({ length: 20 }, (_, i) => ready({ then: [put(`s${i}`)] }));
    expect(nextBatch([long, ...short]).batch).toHaveLength(8);
    expect(nextBatch([...short, long]).batch).toEqual(short);
  });

  it('of one goes without the frame around it', () => {
    expect(requestOf([a])).toBe(a.request);
    expect(requestOf([a, ready({ then: [put('y')] })])).toMatchObject({ compare: [], failure: [], success: [{}, {}] });
  });
});
