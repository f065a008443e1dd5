import {
  Compare_CompareResult as Result,
  Compare_CompareTarget as Target,
  Event_EventType as EventType,
  type Compare as EtcdCompare,
  type Event,
  type KeyValue,
  type RangeRequest,
  type RequestOp,
} from '../../../gen/etcd/etcd.js';
import { prefixEnd } from '../key-range.js';
import type { Compare, Operation, StoreEvent, StoreRecord } from '../store.js';

/** To etcd: every key from the first on. */
const OPEN_END = Buffer.from([0]);

/** A key as etcd has it. */
export function bytesOf(key: string): Buffer {
  return Buffer.from(key, 'utf8');
}

/** One compare of ours, which may take two of etcd's: to etcd an absent key has been changed at revision 0. */
export function toCompares(compare: Compare): EtcdCompare[] {
  const key = bytesOf(compare.key);
  const created = (result: Result): EtcdCompare => ({ result, target: Target.CREATE, key, targetUnion: { $case: 'createRevision', value: 0n } });
  if ('absent' in compare) return [created(Result.EQUAL)];
  if ('exists' in compare) return [created(Result.GREATER)];
  const changed: EtcdCompare = { result: Result.EQUAL, target: Target.MOD, key, targetUnion: { $case: 'modRevision', value: compare.modRev } };
  return compare.modRev > 0n ? [changed] : [changed, created(Result.GREATER)];
}

/** A write, with a copy of its bytes. `lease` is 0 for none. */
export function toWrite(operation: Operation, lease: bigint): RequestOp {
  if ('del' in operation) return { request: { $case: 'requestDeleteRange', value: { key: bytesOf(operation.del) } } };
  return { request: { $case: 'requestPut', value: { key: bytesOf(operation.put), value: Buffer.from(operation.value), lease } } };
}

/** The read of one key. */
export function toRead(key: string): RequestOp {
  return { request: { $case: 'requestRange', value: rangeOf(key) } };
}

/** What etcd is asked for one key. */
export function rangeOf(key: string): RangeRequest {
  return { key: bytesOf(key), rangeEnd: Buffer.alloc(0), limit: 0n, revision: 0n };
}

/** The end of the range of all keys that start with `prefix`. */
export function endOf(prefix: string): Buffer {
  const end = prefixEnd(prefix);
  return end === undefined ? OPEN_END : bytesOf(end);
}

/** A record of etcd's as ours. */
export function toRecord({ key, value, createRevision, modRevision }: KeyValue): StoreRecord {
  return { key: key.toString('utf8'), value, createRev: createRevision, modRev: modRevision };
}

/** An event of etcd's as ours. */
export function toEvent({ type, kv }: Event): StoreEvent {
  if (kv === undefined) throw new Error('etcd sent an event of no key');
  const { key, value, modRevision: modRev } = kv;
  return type === EventType.DELETE ? { type: 'delete', key: key.toString('utf8'), modRev } : { type: 'put', key: key.toString('utf8'), value, modRev };
}
