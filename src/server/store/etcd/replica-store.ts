import type { Clock } from '../../../platform/clock.js';
import type { Log } from '../../../platform/log.js';
import { ROOT } from '../keys.js';
import type { Leadership, ListOptions, Store, StoreRecord, StoreWatch, Transaction, TransactionResult, WatchMessage } from '../store.js';
import { Watches } from '../watches.js';
import type { EtcdStore } from './etcd-store.js';
import type { ReplicaFile } from './replica-file.js';

/** A copy that could not be made anew is tried again. */
const RETRY_MS = 1_000;

/**
 * The store of one controller of several: etcd decides, and a local file follows it by one watch. What is read and watched here comes
 * from the file, also while etcd cannot be reached, and for longer than etcd keeps its history.
 */
export class ReplicaStore implements Store {
  readonly #etcd: EtcdStore;
  readonly #file: ReplicaFile;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #watches: Watches;
  #source: StoreWatch | undefined;
  #closed = false;

  constructor(etcd: EtcdStore, file: ReplicaFile, clock: Clock, log: Log) {
    this.#etcd = etcd;
    this.#file = file;
    this.#clock = clock;
    this.#log = log;
    file.onSetback = () => {
      this.#source?.close();
      clock.after(RETRY_MS, () => {
        if (!this.#closed) this.#follow();
      });
    };
    this.#watches = new Watches(file.snapshot, file.feed, clock, log);
  }

  /** Follows etcd from where the file stands; a file that is new is filled first. */
  async start(): Promise<void> {
    if (this.#file.feed.rev === 0n) await this.#copy();
    this.#follow();
    await this.#file.feed.reached(await this.#etcd.currentRev());
  }

  /** Resolves once it is durable, and applied here. */
  async txn(transaction: Transaction, options?: { deadlineMs?: number }): Promise<TransactionResult> {
    const result = await this.#etcd.txn(transaction, options);
    await this.#file.feed.reached(result.rev);
    return result;
  }

  async get(key: string, options: { linearizable?: boolean } = {}): Promise<StoreRecord | undefined> {
    return options.linearizable === true ? this.#etcd.get(key) : this.#file.snapshot.get(key);
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<readonly StoreRecord[]> {
    return this.#etcd.list(prefix, options);
  }

  watch(prefix: string, fromRev: bigint, listener: (message: WatchMessage) => void): StoreWatch {
    return this.#watches.open(prefix, fromRev, listener);
  }

  currentRev(): Promise<bigint> {
    return this.#etcd.currentRev();
  }

  campaign(role: string, id: string, ttlSeconds: number): Promise<Leadership> {
    return this.#etcd.campaign(role, id, ttlSeconds);
  }

  /** Forgets the history kept here; etcd's own is forgotten by its own settings. */
  compact(rev: bigint): Promise<void> {
    return this.#file.compact(rev);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#source?.close();
    await this.#etcd.close();
    this.#watches.close();
    await this.#file.close();
  }

  #follow(): void {
    this.#source = this.#etcd.watch(ROOT, this.#file.feed.rev + 1n, (message) => {
      if (message.kind === 'compacted') void this.#copyAndFollow(message.rev);
      else this.#file.take(message.kind === 'events' ? [message] : [], message.rev);
    });
  }

  /** After an absence longer than etcd's memory. Watchers here see the difference as one revision. */
  async #copyAndFollow(compactRev: bigint): Promise<void> {
    this.#log.warn('etcd has forgotten what happened since; comparing all records', { rev: this.#file.feed.rev.toString(), compactRev: compactRev.toString() });
    try {
      await this.#copy();
      if (!this.#closed) this.#follow();
    } catch (error) {
      this.#log.error('cannot copy the records of etcd and will try again', { error });
      this.#clock.after(RETRY_MS, () => {
        if (!this.#closed) void this.#copyAndFollow(compactRev);
      });
    }
  }

  async #copy(): Promise<void> {
    let rev = 0n;
    await this.#file.replace(this.#etcd.list(ROOT, { onRevision: (at) => (rev = at) }), () => rev);
  }
}
