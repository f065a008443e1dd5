import type { RangeRequest, RangeResponse } from '../../../gen/etcd/etcd.js';
import { prefixEnd } from '../key-range.js';
import { prefixOf } from '../keys.js';
import type { ListOptions, StoreRecord } from '../store.js';
import { cutsOf, Strides } from './cuts.js';
import { bytesOf, endOf, toRecord } from './etcd-terms.js';

/** Asks etcd for a range. */
type Ask = (request: RangeRequest) => Promise<RangeResponse>;

const PAGE_SIZE = 5_000;

/** What grpc-js says of an answer that is longer than we take. */
const TOO_LONG = /Received message larger than max/;

/** All records under `prefix` as {@link Store.list} says; a long list is read in ranges that are short. */
export async function* listRecords(ask: Ask, prefix: string, { pageSize = PAGE_SIZE, onRevision }: ListOptions): AsyncGenerator<readonly StoreRecord[]> {
  const end = endOf(prefix);
  const first = await page(ask, { key: bytesOf(prefix), rangeEnd: end, revision: 0n }, pageSize);
  const revision = first.header?.revision ?? 0n;
  onRevision?.(revision);
  if (first.kvs.length > 0) yield first.kvs.map(toRecord);
  const last = first.kvs.at(-1)?.key;
  if (!first.more || last === undefined) return;

  const strides = new Strides(cutsOf(await networks(ask, revision)), prefixEnd(prefix));
  for (let key: Buffer | undefined = keyAfter(last); key !== undefined; ) {
    const cut = strides.endAfter(key);
    const { kvs, more } = await page(ask, { key, rangeEnd: cut ?? end, revision }, pageSize);
    if (kvs.length > 0) yield kvs.map(toRecord);
    strides.saw(more, kvs.length / pageSize);
    key = more ? keyAfter(kvs.at(-1)!.key) : cut;
  }
}

async function networks(ask: Ask, revision: bigint): Promise<string[]> {
  const prefix = prefixOf('network');
  const { kvs } = await ask({ key: bytesOf(prefix), rangeEnd: endOf(prefix), limit: 0n, revision });
  return kvs.map(({ key }) => key.toString('utf8').slice(prefix.length));
}

/** At most `limit` records, and fewer when a message cannot hold as many. */
async function page(ask: Ask, range: Omit<RangeRequest, 'limit'>, limit: number): Promise<RangeResponse> {
  for (let most = limit; ; most = Math.ceil(most / 4)) {
    try {
      return await ask({ ...range, limit: BigInt(most) });
    } catch (error) {
      if (most === 1 || !TOO_LONG.test((error as Error).message)) throw error;
    }
  }
}

/** No key lies between a key and the same followed by NUL. */
function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.from([0])]);
}
