import { randomBytes } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { ClusterRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { keys, ROOT } from '../store/keys.js';
import { decodeRecord, encodeRecord } from '../store/records.js';
import { UnknownOutcome, type Compare, type Operation, type Store } from '../store/store.js';
import { RecordDigest, type KeyAndValue } from './record-digest.js';
import { expiryOf } from './record-expiry.js';
import { recordsOf } from './snapshot-format.js';

/** What a store was filled with. */
export interface Filled {
  readonly records: number;
  /** Of the cluster as it is now. */
  readonly epoch: string;
}

const OPERATIONS = 100;
const BATCH_BYTES = 512 * 1024;
/** Transactions on their way at once: they share an fsync. */
const IN_FLIGHT = 16;
const MAX_UNKNOWN = 8;
/** What ends while the store is being filled is no difference. */
const MARGIN_MS = 3_600_000;

/**
 * Fills an empty store with the records of a cluster, holds what it has then against what it was given, and gives the cluster a new epoch.
 *
 * A key marks the store as incomplete from before the first record until with the last, the cluster's own. So a fill that was cut short
 * is no cluster: no server starts on it, and it is simply done again.
 *
 * @param what    Named by the mark, for people.
 * @param records In the order of their keys.
 * @throws DomainError `store_not_empty`, `store_failed` when the store does not hold what it was given; what `records` throws.
 */
export async function fillStore(store: Store, what: string, records: AsyncIterable<KeyAndValue>, nowMs: number): Promise<Filled> {
  const mark = await claim(store, what);
  const fill = new Fill(store, mark, nowMs);
  for await (const record of records) await fill.add(record);
  return fill.finish();
}

/** Marks the store as ours, and clears what an earlier attempt has left. */
async function claim(store: Store, what: string): Promise<Compare> {
  const key = keys.restoring();
  const found = await store.get(key, { linearizable: true });
  if (found === undefined) {
    for await (const [first] of store.list(ROOT, { pageSize: 1 })) {
      if (first !== undefined) throw new DomainError('store_not_empty', `store: want an empty one to fill, but it holds ${first.key} and more; name another, or move this one away`);
    }
  }
  const { ok, rev } = await store.txn({
    if: [found === undefined ? { key, absent: true } : { key, modRev: found.modRev }],
    then: [{ put: key, value: encodeRecord('restoring', what) }],
  });
  if (!ok) throw lost();
  const mark: Compare = { key, modRev: rev };
  if (found !== undefined) await clear(store, mark);
  return mark;
}

async function clear(store: Store, mark: Compare): Promise<void> {
  for await (const page of store.list(ROOT, { pageSize: OPERATIONS })) {
    const then = page.filter(({ key }) => key !== keys.restoring()).map(({ key }): Operation => ({ del: key }));
    if (then.length > 0) await commit(store, mark, then);
  }
}

/** Writes with the mark as a condition. Every write may be made twice, so an unknown outcome is no reason to stop. */
async function commit(store: Store, mark: Compare, then: readonly Operation[]): Promise<void> {
  for (let unknown = 0; ; unknown++) {
    try {
      const { ok } = await store.txn({ if: [mark], then });
      if (!ok) throw lost();
      return;
    } catch (error) {
      if (!(error instanceof UnknownOutcome) || unknown === MAX_UNKNOWN) throw error;
    }
  }
}

function lost(): DomainError {
  return new DomainError('store_not_empty', 'store: another restore or migration has begun to fill it; wait for that one');
}

class Fill {
  readonly #store: Store;
  readonly #mark: Compare;
  readonly #nowMs: number;
  readonly #digest = new RecordDigest();
  readonly #flying = new Set<Promise<void>>();
  #batch: Operation[] = [];
  #bytes = 0;
  #records = 0;
  #cluster: ClusterRecord | undefined;
  #failure: { readonly error: unknown } | undefined;

  constructor(store: Store, mark: Compare, nowMs: number) {
    this.#store = store;
    this.#mark = mark;
    this.#nowMs = nowMs;
  }

  async add(record: KeyAndValue): Promise<void> {
    const { key, value } = record;
    if (key === keys.cluster()) {
      this.#cluster = decodeRecord('cluster', key, value);
      return;
    }
    const expireAtMs = expiryOf(record);
    if (expireAtMs !== undefined && expireAtMs <= this.#nowMs) return;
    this.#note(record);
    this.#records++;
    this.#bytes += key.length + value.byteLength;
    this.#batch.push({ put: key, value, ...(expireAtMs !== undefined && { expireAtMs }) });
    if (this.#batch.length === OPERATIONS || this.#bytes > BATCH_BYTES) await this.#send();
  }

  async finish(): Promise<Filled> {
    if (this.#batch.length > 0) await this.#send();
    await Promise.all(this.#flying);
    if (this.#failure) throw this.#failure.error;
    await this.#compare();
    const cluster = this.#cluster;
    if (cluster === undefined) throw new DomainError('snapshot_invalid', 'cluster: want the records of one, got none; there is nothing to fill the store with');
    const epoch = randomBytes(8).toString('hex');
    await this.#publish({ ...cluster, epoch });
    return { records: this.#records + 1, epoch };
  }

  async #send(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    this.#bytes = 0;
    const flight = commit(this.#store, this.#mark, batch).catch((error: unknown) => void (this.#failure ??= { error }));
    this.#flying.add(flight);
    void flight.then(() => this.#flying.delete(flight));
    if (this.#flying.size >= IN_FLIGHT) await Promise.race(this.#flying);
    if (this.#failure) throw this.#failure.error;
  }

  #note(record: KeyAndValue, digest = this.#digest): void {
    const expireAtMs = expiryOf(record);
    if (expireAtMs === undefined || expireAtMs > this.#nowMs + MARGIN_MS) digest.add(record);
  }

  async #compare(): Promise<void> {
    const digest = new RecordDigest();
    for await (const page of recordsOf(this.#store)) for (const record of page) this.#note(record, digest);
    if (digest.finish().equals(this.#digest.finish())) return;
    throw new DomainError('store_failed', 'store: does not hold what it was given; it stays marked as incomplete, do it again');
  }

  /** The step before which there is no cluster, and after which there is. */
  async #publish(cluster: ClusterRecord): Promise<void> {
    const then: Operation[] = [{ put: keys.cluster(), value: ClusterRecord.encode(cluster).finish() }, { del: keys.restoring() }];
    try {
      await commit(this.#store, this.#mark, then);
    } catch (error) {
      // The mark is gone when an attempt of unknown outcome was carried out after all.
      const there = await this.#store.get(keys.cluster(), { linearizable: true });
      if (there === undefined || decodeRecord('cluster', there.key, there.value).epoch !== cluster.epoch) throw error;
    }
  }
}
