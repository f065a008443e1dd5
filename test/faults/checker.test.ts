import { describe, expect, it } from 'vitest';
import { keys } from '../../src/server/store/keys.js';
import type { AppliedRevision } from '../../src/server/store/local-view.js';
import type { Operation, StoreEvent } from '../../src/server/store/store.js';
import { putAddress, putNode, putToken } from '../server/store/records.js';
import { violations } from './checker.js';
import type { Call, Ending, History, Told, Wish } from './history.js';

const KEYS_HASH = 'ab'.repeat(32);
const LEAD = keys.lead('job');

const node = (id: string, bindIp: string, more: object = {}): Operation[] => [
  putNode({ id, bindIp, keysHash: Buffer.from(KEYS_HASH, 'hex'), ...more }),
  putAddress('default', bindIp, { nodeId: id }),
];

/** A log of transactions, which have the revisions 2, 3 and so on. */
function log(...transactions: Operation[][]): AppliedRevision[] {
  return transactions.map((operations, i) => {
    const rev = BigInt(i + 2);
    return { rev, atMs: 0, events: operations.map((operation): StoreEvent => ('put' in operation ? { type: 'put', key: operation.put, value: operation.value, modRev: rev } : { type: 'delete', key: operation.del, modRev: rev })) };
  });
}

const check = (of: readonly AppliedRevision[], more: Partial<History> = {}): string[] => violations({ calls: [], logs: new Map([['a', of]]), streams: [], leaderWrites: [], ...more });
const call = (wish: Wish, ending: Ending): Call => ({ wish, ending, invokedMs: 1, endedMs: 2 });
const ok = (id: string, address?: string): Ending => ({ outcome: 'ok', id, ...(address !== undefined && { address }) });
const refused: Ending = { outcome: 'refused', why: 'no' };
const unknown: Ending = { outcome: 'unknown', why: 'cut' };

describe('the checker of histories, of addresses,', () => {
  it('is content with one owner after another', () => {
    const first = node('n1', '10.66.0.2');
    expect(check(log(first, [{ del: keys.node('default', 'n1') }, putAddress('default', '10.66.0.2', {})], node('n2', '10.66.0.2', { keysHash: Buffer.from('cd', 'hex') })))).toEqual([]);
  });

  it('finds one that two nodes have at a revision, even if not at the last', () => {
    const planted = log(node('n1', '10.66.0.2'), node('n2', '10.66.0.2', { keysHash: Buffer.alloc(1) }), [{ del: keys.node('default', 'n1') }]);
    expect(check(planted)).toEqual(['at revision 3 default 10.66.0.2 has two owners: n1 and n2']);
  });

  it('finds one that is recorded as somebody else’s, or as nobody’s', () => {
    expect(check(log(node('n1', '10.66.0.2'), [putAddress('default', '10.66.0.2', { nodeId: 'n2' })]))).toEqual(['at revision 3 n1 has default 10.66.0.2, which is recorded as of n2']);
    expect(check(log([putNode({ id: 'n1', bindIp: '10.66.0.2' })]))).toEqual(['at revision 2 n1 has default 10.66.0.2, which is recorded as of nobody']);
  });

  it('knows that networks have addresses of their own', () => {
    expect(check(log(node('n1', '10.66.0.2'), [putNode({ id: 'n2', network: 'other', bindIp: '10.66.0.2' }), putAddress('other', '10.66.0.2', { nodeId: 'n2' })]))).toEqual([]);
  });
});

describe('the checker of histories, of words that were given,', () => {
  const registered = log(node('n1', '10.66.0.2'));
  const wish: Wish = { kind: 'register', requestId: KEYS_HASH };

  it('is content with those that were kept, and with any end of what is in doubt', () => {
    expect(check(registered, { calls: [call(wish, ok('n1', '10.66.0.2'))] })).toEqual([]);
    for (const of of [registered, log()]) expect(check(of, { calls: [call(wish, unknown)] })).toEqual([]);
  });

  it('finds a registration that is lost, at another address, or gone without anybody’s wish', () => {
    const lost = [`the registration ${KEYS_HASH} was acknowledged and is lost`];
    const calls = [call(wish, ok('n1', '10.66.0.2'))];
    const gone = [{ del: keys.node('default', 'n1') }];
    expect(check(log(), { calls })).toEqual(lost);
    expect(check(log(node('n1', '10.66.0.3')), { calls })).toEqual(lost);
    expect(check(log(node('n1', '10.66.0.2'), gone), { calls })).toEqual(lost);
    for (const ending of [ok('n1'), unknown]) {
      expect(check(log(node('n1', '10.66.0.2'), gone), { calls: [...calls, call({ kind: 'unregister', nodeId: 'n1' }, ending)] })).toEqual([]);
    }
  });

  it('finds what was refused and carried out', () => {
    expect(check(registered, { calls: [call(wish, refused)] })).toEqual([`the registration ${KEYS_HASH} was refused ("no") and carried out`]);
    expect(check(log(node('n1', '10.66.0.2', { name: 'new' })), { calls: [call({ kind: 'rename', nodeId: 'n1', name: 'new' }, refused)] })).toEqual(['the name new of n1 was refused ("no") and carried out']);
    expect(check(log(node('n1', '10.66.0.2'), [{ del: keys.node('default', 'n1') }]), { calls: [call({ kind: 'unregister', nodeId: 'n1' }, refused)] })).toEqual(['the end of n1 was refused ("no") and carried out']);
  });

  it('finds a lost token, a lost name, and a node that outlived its end', () => {
    const calls = [call({ kind: 'token' }, ok('t2')), call({ kind: 'rename', nodeId: 'n1', name: 'new' }, ok('n1')), call({ kind: 'unregister', nodeId: 'n1' }, ok('n1'))];
    expect(check(log([putToken({ id: 't1' })], node('n1', '10.66.0.2')), { calls })).toEqual([
      'a token was acknowledged and is lost',
      'the name new of n1 was acknowledged and is lost',
      'the end of n1 was acknowledged and is lost',
    ]);
  });

  it('finds a request that made two nodes', () => {
    expect(check(log(node('n1', '10.66.0.2'), node('n2', '10.66.0.3')))).toEqual([`request ${KEYS_HASH} made 2 nodes: n1, n2`]);
  });
});

describe('the checker of histories, of logs,', () => {
  const all = log(node('n1', '10.66.0.2'), [putToken({ id: 't1' })], [putToken({ id: 't2' })]);
  const compare = (b: readonly AppliedRevision[]): string[] => check(all, { logs: new Map([['a', all], ['b', b]]) });

  it('is content with a replica that is behind, or began later', () => {
    expect(compare(all.slice(0, 1))).toEqual([]);
    expect(compare(all.slice(1))).toEqual([]);
  });

  it('finds a revision that a replica has left out, has otherwise, or has too late', () => {
    expect(compare([all[0]!, all[2]!])).toEqual(['b has no revision 3']);
    expect(compare([all[0]!, { ...all[1]!, events: all[2]!.events }])[0]).toMatch(/^revision 3 is "put .*t1.*" on a and "put .*t2.*" on b$/);
    expect(compare([all[1]!, all[0]!])).toContain('b: revision 2 comes after 3');
  });
});

describe('the checker of histories, of streams,', () => {
  const changes = log(node('n1', '10.66.0.2'), [putToken({ id: 't1' })], [putNode({ id: 'n1', bindIp: '10.66.0.2', name: 'new' })], [{ del: keys.node('default', 'n1') }]);
  const stream = (...told: Told[]): string[] => check(changes, { streams: [{ agent: 'x', network: 'default', told }] });
  const map = (rev: bigint): Told => ({ kind: 'map', rev, nodes: [] });
  const delta = (rev: bigint, ...nodes: string[]): Told => ({ kind: 'delta', rev, nodes: nodes.length > 0 ? nodes : ['n1'] });
  const progress = (rev: bigint): Told => ({ kind: 'progress', rev });

  it('is content with every change of the network told in order, and with a reset', () => {
    expect(stream(map(1n), delta(2n), progress(3n), delta(4n), delta(5n))).toEqual([]);
    expect(stream(map(1n), { kind: 'reset', reason: 'compacted' }, map(4n), delta(5n))).toEqual([]);
  });

  it('finds what was left out, before a change and before a sign of progress', () => {
    expect(stream(map(1n), delta(4n))).toEqual(['x was not told of revision 2 before 4']);
    expect(stream(map(1n), delta(2n), progress(4n))).toEqual(['x was not told of revision 4 before 5']);
  });

  it('finds what was told twice or the wrong way round', () => {
    expect(stream(map(1n), delta(2n), delta(2n))).toEqual(['x was told of revision 2 after 2']);
    expect(stream(map(3n), delta(5n), delta(4n))).toContain('x was told of revision 4 after 5');
  });

  it('finds a change that was told otherwise than it was', () => {
    expect(stream(map(1n), delta(2n, 'n2'))).toEqual(['x was told that revision 2 changed "n2", and it changed "n1"']);
  });

  it('finds a whole map without a reset, and a change before any map', () => {
    expect(stream(map(1n), map(2n))).toEqual(['x got a whole map at 2 and no reset before it']);
    expect(stream(delta(2n))).toEqual(['x got a delta of 2 before any map']);
  });
});

describe('the checker of histories, of leaders,', () => {
  const take = (id: string): Operation[] => [{ put: LEAD, value: Buffer.from(id) }];
  const terms = log(take('a'), [putToken({ id: 't1' })], [{ del: LEAD }], take('b'), [putToken({ id: 't2' })]);
  const wrote = (leader: string, since: bigint, rev: bigint): string[] => check(terms, { leaderWrites: [{ leader, key: LEAD, since, rev }] });

  it('is content with a write within the own term', () => {
    expect(wrote('a', 2n, 3n)).toEqual([]);
    expect(wrote('b', 5n, 6n)).toEqual([]);
  });

  it('finds one after the term, within another one’s, and of somebody who never led', () => {
    expect(wrote('a', 2n, 5n)).toEqual(['a wrote revision 5 as the leader since 2, and was it no more']);
    expect(wrote('a', 2n, 6n)).toEqual(['a wrote revision 6 as the leader since 2, and was it no more']);
    expect(wrote('c', 1n, 3n)).toHaveLength(1);
  });
});
