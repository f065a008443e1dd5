import { describe, expect, it } from 'vitest';
import { CrlRecord, NodeRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { WatchResponse } from '../../../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig } from '../../../src/gen/networkcontroller/v1/types.js';
import { changesOf } from '../../../src/server/feed/changes.js';
import { MapHistory } from '../../../src/server/feed/map-history.js';
import { keys } from '../../../src/server/store/keys.js';
import type { AppliedRevision } from '../../../src/server/store/local-view.js';

const BOUNDS = { kept: 10, readBack: 30 };

/** A store's history, from memory, that counts how often it is read. */
function start() {
  const log: AppliedRevision[] = [];
  let reads = 0;
  const view = {
    get rev() {
      return BigInt(log.length);
    },
    revisionsFrom(from: bigint, limit: number) {
      reads++;
      return log.filter(({ rev }) => rev >= from).slice(0, limit);
    },
  };
  const open = (): MapHistory => new MapHistory(view, (revision) => changesOf(revision, () => [NetworkConfig.fromPartial({ name: 'default' })], () => ['default']), BOUNDS);
  const write = (key: string, record: Partial<NodeRecord>): AppliedRevision => writeRaw(key, NodeRecord.encode(NodeRecord.fromPartial(record)).finish());
  const writeRaw = (key: string, value: Uint8Array): AppliedRevision => {
    const rev = BigInt(log.length + 1);
    const revision: AppliedRevision = { rev, atMs: 0, events: [{ type: 'put', key, value, modRev: rev }] };
    log.push(revision);
    return revision;
  };
  const node = (id: string) => write(keys.node('default', id), { id });
  const revoked = (der: string) => writeRaw('/nc/v1/crl', CrlRecord.encode(CrlRecord.fromPartial({ der: Buffer.from(der) })).finish());
  const other = () => write(keys.presence('default', 'x'), {});
  return { open, node, revoked, other, reads: () => reads };
}

const revisions = (history: MapHistory, after: bigint) => history.after(after)?.map(({ rev }) => rev);

describe('what an agent missed', () => {
  it('is not to be had beyond the bound on changes', () => {
    const { open, node } = start();
    const history = open();
    for (let n = 0; n < 25; n++) history.take(node(`n${n}`));

    expect(history.after(14n)).toBeUndefined();
    expect(history.after(1n)).toBeUndefined();
    expect(revisions(history, 15n)).toHaveLength(10);
  });

  it('is not to be had when too much of any kind came after it, and that is found out once', () => {
    const { open, other, reads } = start();
    for (let n = 0; n < 40; n++) other();
    const history = open();

    expect(history.after(3n)).toBeUndefined();
    const before = reads();
    expect(history.after(3n)).toBeUndefined();
    expect(history.after(2n)).toBeUndefined();

    expect(reads()).toBe(before);
    expect(revisions(history, 15n)).toEqual([]);
  });

  it('is from memory when it happened before the eyes of the process, else read once for all', () => {
    const { open, node, other, reads } = start();
    for (const id of ['a', 'b']) node(id);
    other();
    node('c');
    const history = open();
    history.take(node('d'));
    history.take(other());

    expect(revisions(history, 4n)).toEqual([5n]);
    expect(reads()).toBe(0);
    expect(revisions(history, 1n)).toEqual([2n, 4n, 5n]);
    const before = reads();
    expect(revisions(history, 2n)).toEqual([4n, 5n]);
    expect(revisions(history, 6n)).toEqual([]);

    expect(reads()).toBe(before);
  });
});

describe('a revision', () => {
  it('is encoded once for all who see every node', () => {
    const { open, node } = start();
    const [entry] = open().take(node('a'));

    expect(entry!.whole).toBe(entry!.whole);
  });

  it('tells a node that sees itself only of itself only', () => {
    const { open, node } = start();
    const [entry] = open().take(node('a'));

    expect(entry!.ownOf('b')).toBeUndefined();
    expect(WatchResponse.decode(entry!.ownOf('a')!).message).toMatchObject({ $case: 'delta', value: { revision: 1n, changes: [{ change: { $case: 'peer' } }] } });
  });
});

describe('lists of what is revoked', () => {
  it('are kept the last one only, and every revision is still there', () => {
    const { open, node, revoked } = start();
    const history = open();
    for (const revision of [revoked('1'), node('a'), revoked('12'), revoked('123')]) history.take(revision);

    expect(told(history, 0n)).toEqual(['1: ', '2: peer', '3: ', '4: crl 123']);
  });

  it('go out whole with their own revision, before there is another', () => {
    const { open, revoked } = start();
    const history = open();

    const [first] = history.take(revoked('1'));
    const said = cases(first!.whole);
    history.take(revoked('12'));

    expect(said).toBe('crl 1');
    expect(cases(first!.whole)).toBe('');
  });

  it('are not gone with a revision that is: the one kept is the newest', () => {
    const { open, node, revoked } = start();
    const history = open();
    history.take(revoked('1'));
    for (let n = 0; n < 20; n++) history.take(node(`n${n}`));

    history.take(revoked('12'));

    expect(told(history, 20n)).toEqual(['21: peer', '22: crl 12']);
  });

  it.each([
    ['the last of those read back, when none has come since', [], ['1: ', '2: crl 12', '3: peer']],
    ['none of those read back, when one has come since', ['123'], ['1: ', '2: ', '3: peer', '4: crl 123']],
  ])('are %s', (_what, since, expected) => {
    const { open, node, revoked } = start();
    revoked('1');
    revoked('12');
    node('a');
    const history = open();
    for (const der of since) history.take(revoked(der));

    expect(told(history, 0n)).toEqual(expected);
  });
});

function told(history: MapHistory, after: bigint): string[] | undefined {
  return history.after(after)?.map(({ rev, whole }) => `${rev}: ${cases(whole)}`);
}

function cases(bytes: Uint8Array): string {
  const { message } = WatchResponse.decode(bytes);
  if (message?.$case !== 'delta') return 'no delta';
  return message.value.changes.map(({ change }) => (change?.$case === 'crl' ? `crl ${change.value.toString()}` : change?.$case)).join();
}
