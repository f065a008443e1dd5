import type { DomainError } from '../../../domain/errors.js';
import type { Clock } from '../../../platform/clock.js';
import type { Log } from '../../../platform/log.js';
import { follow } from '../follow.js';
import type { AppliedRevision } from '../local-view.js';
import { RevisionFeed } from '../revision-feed.js';
import { Snapshot } from '../snapshot.js';
import type { StoreRecord } from '../store.js';
import { receiveError, type WriterReply, type WriterRequest } from '../writer-protocol.js';
import { WriterThread } from '../writer-thread.js';

/** Bounds how long one transaction of the file keeps what comes after it waiting. */
const REVISIONS_AT_ONCE = 500;

/** The write-ahead log is moved to the file each time it has grown by this. */
const CHECKPOINT_EVERY_BYTES = 8 * 1024 * 1024;

/**
 * The local copy of a store that is elsewhere: the same tables, brought up to date by one thread, each revision in a transaction
 * together with its number. So after any crash it stands at a revision, and goes on from the next.
 */
export class ReplicaFile {
  /** What was applied, for those who follow it in this process. */
  readonly feed: RevisionFeed;
  /** What is read here: the revision that `feed` has told of. */
  readonly snapshot: Snapshot;
  /** Resolves when the file can no longer be written. */
  readonly failed: Promise<DomainError>;
  readonly #thread: WriterThread;
  readonly #clock: Clock;
  readonly #log: Log;
  #pending: AppliedRevision[] = [];
  #rev: bigint;
  /** Requests go one after another. */
  #turn: Promise<unknown> = Promise.resolve();
  #moved = 0;
  /** Told when what was taken could not be applied, and must be asked for again. */
  onSetback = (): void => {};

  private constructor(readonly path: string, thread: WriterThread, clock: Clock, log: Log) {
    this.#thread = thread;
    this.#clock = clock;
    this.#log = log;
    this.failed = thread.failed;
    this.snapshot = new Snapshot(path);
    this.feed = new RevisionFeed(this.snapshot.rev, log);
    this.#rev = this.feed.rev;
  }

  /**
   * Opens `file`, making or migrating it as needed.
   *
   * @throws DomainError `store_failed`.
   */
  static async open(file: string, clock: Clock, log: Log): Promise<ReplicaFile> {
    const { thread } = await WriterThread.start({ file, nowMs: clock.now(), follows: true });
    return new ReplicaFile(file, thread, clock, log);
  }

  /** Applies `revisions`, and that the store has come to `rev`; what comes meanwhile goes together. */
  take(revisions: readonly AppliedRevision[], rev: bigint): void {
    const isIdle = this.#pending.length === 0 && this.#rev <= this.feed.rev;
    this.#pending.push(...revisions);
    if (rev > this.#rev) this.#rev = rev;
    if (isIdle && this.#rev > this.feed.rev) this.#inTurn(() => this.#applyAll()).catch((error: unknown) => this.#setBack(error));
  }

  /** Makes `pages` all there is, as it was at the revision that `rev` then gives. */
  async replace(pages: AsyncIterable<readonly StoreRecord[]>, rev: () => bigint): Promise<void> {
    await this.#inTurn(async () => {
      for await (const records of pages) await this.#ask({ kind: 'stage', records });
      this.#pending = this.#pending.filter((revision) => revision.rev > rev());
      this.#report(await this.#ask({ kind: 'replace', rev: rev(), nowMs: this.#clock.now() }));
      follow(this.snapshot, this.feed);
      if (rev() > this.#rev) this.#rev = rev();
    });
  }

  /** Forgets history up to and including `rev`. */
  async compact(rev: bigint): Promise<void> {
    const more = await this.#inTurn(async () => {
      const reply = await this.#ask({ kind: 'compact', rev });
      follow(this.snapshot, this.feed);
      return reply.kind === 'answer' && reply.yes;
    });
    if (more) await this.compact(rev);
  }

  /** Applies what has come and closes the file. */
  async close(): Promise<void> {
    await this.#turn;
    // The last connection to close moves the log to the file, which must not find us reading.
    this.snapshot.close();
    await this.#thread.close();
  }

  async #applyAll(): Promise<void> {
    while (this.#pending.length > 0 || this.#rev > this.feed.rev) {
      const revisions = this.#pending.splice(0, REVISIONS_AT_ONCE);
      const rev = this.#pending.length > 0 ? (revisions.at(-1)?.rev ?? 0n) : this.#rev;
      const reply = await this.#ask({ kind: 'apply', revisions, rev });
      this.#report(reply);
      follow(this.snapshot, this.feed);
      if (reply.kind === 'done') await this.#checkpointIfDue(reply.state.walBytes);
    }
  }

  /** A log that somebody still reads cannot start over: then each attempt waits for as much growth as the one before. */
  async #checkpointIfDue(walBytes: number): Promise<void> {
    if (walBytes < this.#moved) this.#moved = 0;
    if (walBytes - this.#moved < CHECKPOINT_EVERY_BYTES) return;
    this.#moved = walBytes;
    await this.#ask({ kind: 'checkpoint' });
    follow(this.snapshot, this.feed);
  }

  async #ask(request: WriterRequest): Promise<WriterReply> {
    const reply = await this.#thread.request(request);
    if (reply.kind === 'failed') throw receiveError(reply.error);
    return reply;
  }

  #setBack(error: unknown): void {
    this.#log.error('cannot apply what etcd says and will try again', { error });
    this.#pending = [];
    this.#rev = this.feed.rev;
    this.onSetback();
  }

  #inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(task);
    this.#turn = done.catch(() => {});
    return done;
  }

  #report(reply: WriterReply): void {
    if (reply.kind !== 'done') return;
    for (const outcome of reply.outcomes) if ('error' in outcome) this.#log.error('a record cannot be shown', { error: outcome.error.message });
  }
}
