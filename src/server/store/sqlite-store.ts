import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { checkTransaction } from './check-transaction.js';
import { CommitQueue, type CommittedBatch } from './commit-queue.js';
import { follow } from './follow.js';
import { campaign, type Claim, type Electorate } from './leadership.js';
import { RevisionFeed } from './revision-feed.js';
import { Snapshot } from './snapshot.js';
import {
  type Leadership,
  type ListOptions,
  type Store,
  type StoreRecord,
  type StoreWatch,
  type Transaction,
  type TransactionResult,
  type WatchMessage,
} from './store.js';
import { Watches } from './watches.js';
import { WriterThread } from './writer-thread.js';

const PAGE_SIZE = 1_000;

/**
 * The store in a SQLite file: one thread writes, this one reads. Every acknowledged write is visible to every read that follows, so all
 * reads are linearizable.
 */
export class SqliteStore implements Store {
  /** What was applied, for those who follow it in this process. */
  readonly feed: RevisionFeed;
  /** What is read here: the revision that `feed` has told of. */
  readonly snapshot: Snapshot;
  /** Resolves when the store can no longer write; reads go on. */
  readonly failed: Promise<DomainError>;
  readonly #file: string;
  readonly #thread: WriterThread;
  readonly #queue: CommitQueue;
  readonly #watches: Watches;
  readonly #electorate: Electorate;
  #announceClosing!: (error: DomainError) => void;
  #closed: Promise<void> | undefined;

  private constructor(file: string, thread: WriterThread, queue: CommitQueue, snapshot: Snapshot, feed: RevisionFeed, clock: Clock, log: Log) {
    this.#file = file;
    this.#thread = thread;
    this.#queue = queue;
    this.snapshot = snapshot;
    this.feed = feed;
    this.failed = thread.failed;
    this.#watches = new Watches(snapshot, feed, clock, log);
    const closing = new Promise<never>((_, reject) => (this.#announceClosing = reject));
    closing.catch(() => {});
    this.#electorate = { store: this, claim: (...claim) => this.#claim(clock, ...claim), clock, elapsedMs: () => clock.now(), log, closing };
  }

  /**
   * Opens `file`, making or migrating it as needed.
   *
   * @param onCommit Told of every batch of transactions.
   * @throws DomainError `store_failed`.
   */
  static async open(file: string, clock: Clock, log: Log, onCommit?: (batch: CommittedBatch) => void): Promise<SqliteStore> {
    const { thread, state } = await WriterThread.start({ file, nowMs: clock.now(), follows: false });
    const snapshot = new Snapshot(file);
    const feed = new RevisionFeed(snapshot.rev, log);
    const queue = new CommitQueue(thread, state, clock, log, () => follow(snapshot, feed), onCommit);
    return new SqliteStore(file, thread, queue, snapshot, feed, clock, log);
  }

  async txn(transaction: Transaction, options: { deadlineMs?: number } = {}): Promise<TransactionResult> {
    checkTransaction(transaction);
    return this.#queue.commit(transaction, options.deadlineMs);
  }

  async get(key: string): Promise<StoreRecord | undefined> {
    this.#mustBeOpen();
    return this.snapshot.get(key);
  }

  async *list(prefix: string, { pageSize = PAGE_SIZE, onRevision }: ListOptions = {}): AsyncGenerator<readonly StoreRecord[]> {
    this.#mustBeOpen();
    // A snapshot of its own, because ours moves on between pages.
    const snapshot = new Snapshot(this.#file);
    try {
      // It may see a commit whose news is still on its way to us; a read after this one must not see less.
      await this.feed.reached(snapshot.rev);
      onRevision?.(snapshot.rev);
      yield* snapshot.list(prefix, pageSize);
    } finally {
      snapshot.close();
    }
  }

  watch(prefix: string, fromRev: bigint, listener: (message: WatchMessage) => void): StoreWatch {
    return this.#watches.open(prefix, fromRev, listener);
  }

  async currentRev(): Promise<bigint> {
    return this.feed.rev;
  }

  campaign(role: string, id: string, ttlSeconds: number): Promise<Leadership> {
    return campaign(this.#electorate, role, id, ttlSeconds);
  }

  async compact(rev: bigint): Promise<void> {
    if (rev > this.feed.rev) {
      throw new DomainError('invalid_argument', `compact: want a revision of at most ${this.feed.rev}, got ${rev}`);
    }
    await this.#queue.compact(rev);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #claim(clock: Clock, key: string, value: Uint8Array, ttlMs: number): Promise<Claim> {
    const until = (): number => clock.now() + ttlMs;
    const { ok, rev } = await this.txn({ if: [{ key, absent: true }], then: [{ put: key, value, expireAtMs: until() }] });
    return { ok, rev, renew: () => this.#queue.keepAlive(key, rev, until()) };
  }

  #mustBeOpen(): void {
    if (this.#closed) throw closed();
  }

  async #close(): Promise<void> {
    this.#announceClosing(closed());
    await this.#queue.close();
    this.#watches.close();
    // The last connection to close moves the log to the file, which must not find us reading.
    this.snapshot.close();
    await this.#thread.close();
  }
}

function closed(): DomainError {
  return new DomainError('store_failed', 'the store is closed');
}
