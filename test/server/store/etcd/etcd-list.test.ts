import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RangeRequest, RangeResponse } from '../../../../src/gen/etcd/etcd.js';
import { cutsOf, Strides } from '../../../../src/server/store/etcd/cuts.js';
import { listRecords } from '../../../../src/server/store/etcd/etcd-list.js';
import { EtcdStore } from '../../../../src/server/store/etcd/etcd-store.js';
import { keys, ROOT } from '../../../../src/server/store/keys.js';
import type { StoreRecord } from '../../../../src/server/store/store.js';
import { EtcdCluster, noEtcd } from '../../../support/etcd.js';

const value = Buffer.from('v');

/** An etcd of these keys, which writes down what it is asked for. */
function etcdOf(all: readonly string[], asked: RangeRequest[] = []): (request: RangeRequest) => Promise<RangeResponse> {
  return async (request) => {
    asked.push(request);
    const inRange = all.filter((key) => Buffer.compare(Buffer.from(key), request.key) >= 0 && Buffer.compare(Buffer.from(key), request.rangeEnd) < 0).sort();
    const kvs = inRange.slice(0, Number(request.limit) || undefined).map((key) => ({ key: Buffer.from(key), value, createRevision: 1n, modRevision: 1n, lease: 0n }));
    return { header: { clusterId: 1n, memberId: 1n, revision: 7n }, kvs, more: kvs.length < inRange.length };
  };
}

async function keysOf(pages: AsyncIterable<readonly StoreRecord[]>): Promise<string[]> {
  const found: string[] = [];
  for await (const page of pages) found.push(...page.map(({ key }) => key));
  return found;
}

describe('a long list of etcd', () => {
  const ids = Array.from({ length: 600 }, (_, i) => `id-${i}`);
  const all = [
    ...ids.map((id) => keys.node('default', id)),
    ...ids.map((id) => keys.node('other', id)),
    ...ids.map((id) => keys.token(id)),
    ...['default', 'other'].map(keys.network),
    keys.cluster(),
    `${ROOT}0-nobody-expects-this`,
    `${ROOT}n/lost/zz/without-network`,
    `${ROOT}zzz`,
  ].sort();

  it.each([1, 7, 100, 5_000])('has every key once and in order, whatever the page: %i', async (pageSize) => {
    expect(await keysOf(listRecords(etcdOf(all), ROOT, { pageSize }))).toEqual(all);
  });

  it('is read at the revision of its first page, which is told before it', async () => {
    const asked: RangeRequest[] = [];
    const told: bigint[] = [];
    await keysOf(listRecords(etcdOf(all, asked), ROOT, { pageSize: 50, onRevision: (rev) => told.push(rev) }));

    expect(told).toEqual([7n]);
    expect(new Set(asked.slice(1).map(({ revision }) => revision))).toEqual(new Set([7n]));
  });

  it('is read in ranges that hold little more than a page, and in few', async () => {
    const asked: RangeRequest[] = [];
    await keysOf(listRecords(etcdOf(all, asked), ROOT, { pageSize: 50 }));

    const counts = await Promise.all(asked.slice(2).map(async (request) => (await etcdOf(all)({ ...request, limit: 0n })).kvs.length));
    // A range that turns out to hold more is made shorter for the next page.
    expect(counts.filter((count) => count > 100).length).toBeLessThan(5);
    expect(asked.length).toBeLessThan(all.length / 10);
  });

  it('that fits into a page takes one question', async () => {
    const asked: RangeRequest[] = [];
    expect(await keysOf(listRecords(etcdOf(all, asked), keys.network('default'), {}))).toEqual([keys.network('default')]);
    expect(asked).toHaveLength(1);
  });

  it('is asked for in smaller pages when a message cannot hold one, and passes on what has another reason', async () => {
    const tooLong = async (request: RangeRequest): Promise<RangeResponse> => {
      if (request.limit > 10n) throw new Error('refused by etcd at e: Received message larger than max (70000000 vs 67108864)');
      return etcdOf(all)(request);
    };
    expect(await keysOf(listRecords(tooLong, ROOT, { pageSize: 1_000 }))).toEqual(all);
    await expect(keysOf(listRecords(() => Promise.reject(new Error('no member')), ROOT, {}))).rejects.toThrow('no member');
  });

  it('may be cut anywhere between its shards, and nowhere outside of itself', () => {
    const cuts = cutsOf(['default']);
    expect(cuts).toEqual([...cuts].sort());
    expect(cuts).toContain(`${ROOT}n/default/00`);
    expect(cuts).toContain(`${ROOT}t/ff`);
    const strides = new Strides(cuts, `${ROOT}n0`);
    expect(strides.endAfter(Buffer.from(`${ROOT}n/default/fe/x`))?.toString()).toBe(`${ROOT}n/default/ff`);
    expect(strides.endAfter(Buffer.from(`${ROOT}n/default/ff`))).toBeUndefined();
  });
});

describe.skipIf(noEtcd)(`a long list of a cluster${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: EtcdCluster;
  let store: EtcdStore;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
    store = await EtcdStore.open(cluster.options());
  });
  afterAll(async () => {
    await store?.close();
    await cluster?.stop();
  });

  it('comes whole when it is longer than a message may be', async () => {
    const names = Array.from({ length: 70 }, (_, i) => keys.node('default', `large-${i}`));
    for (const put of names) await store.txn({ if: [], then: [{ put, value: Buffer.alloc(1_000_000) }] });
    await store.txn({ if: [], then: [{ put: keys.network('default'), value }] });

    expect(await keysOf(store.list(ROOT))).toEqual([...names, keys.network('default')].sort());
  });
});
