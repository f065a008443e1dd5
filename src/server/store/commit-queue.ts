import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { UnknownOutcome, type Operation, type Transaction, type TransactionResult } from './store.js';
import { receiveError, type SentOutcome, type WriterRequest, type WriterState } from './writer-protocol.js';
import type { WriterThread } from './writer-thread.js';

/** Bounds how long a batch keeps those who come after it waiting. */
const TRANSACTIONS_PER_BATCH = 256;

/**
 * The write-ahead log is moved to the file each time it has grown by this. A registration changes some fifteen pages, most of them again by
 * those after it: the more come together in the log, the fewer are written to the file.
 */
const CHECKPOINT_EVERY_BYTES = 16 * 1024 * 1024;

const EXPIRY_CHECK_MS = 250;
const EXPIRY_RETRY_MS = 10_000;

/** A batch that was committed together. */
export interface CommittedBatch {
  readonly transactions: number;
  /** From its sending until its news had been read. */
  readonly seconds: number;
}

interface Waiting {
  readonly transaction: Transaction;
  readonly resolve: (result: TransactionResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Lines up what the writer is asked for. Transactions that wait for the same turn go together and share one fsync. There is never
 * more than one request on its way, so that the reading side can follow the file step by step.
 */
export class CommitQueue {
  readonly #thread: WriterThread;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #follow: () => void;
  readonly #onCommit: (batch: CommittedBatch) => void;
  readonly #stopExpiry: () => void;
  readonly #waiting = new Set<Waiting>();
  readonly #chores: (() => Promise<void>)[] = [];
  #state: WriterState;
  #worker: Promise<void> | undefined;
  /** Size of the log when it was moved last. */
  #moved = 0;
  #closed = false;

  /**
   * @param follow   Called when the file may have moved, before anybody hears of a write of their own.
   * @param onCommit Told of every batch.
   */
  constructor(thread: WriterThread, state: WriterState, clock: Clock, log: Log, follow: () => void, onCommit: (batch: CommittedBatch) => void = () => {}) {
    this.#thread = thread;
    this.#state = state;
    this.#clock = clock;
    this.#log = log;
    this.#follow = follow;
    this.#onCommit = onCommit;
    this.#stopExpiry = clock.every(EXPIRY_CHECK_MS, () => this.#expireIfDue());
  }

  /**
   * Commits `transaction` with whoever else waits.
   *
   * @param deadlineMs Milliseconds after which the caller no longer waits.
   * @throws DomainError `store_failed` when it was certainly not committed; UnknownOutcome.
   */
  commit(transaction: Transaction, deadlineMs?: number): Promise<TransactionResult> {
    let cancel = (): void => {};
    const answer = new Promise<TransactionResult>((resolve, reject) => {
      if (this.#closed) throw closed();
      const waiting = { transaction: { ...transaction, then: transaction.then.map(copy) }, resolve, reject };
      this.#waiting.add(waiting);
      if (deadlineMs !== undefined) cancel = this.#limit(waiting, deadlineMs);
      this.#work();
    });
    return answer.finally(cancel);
  }

  /** Moves the expiry of a key; tells whether it was still as of `modRev`. */
  keepAlive(key: string, modRev: bigint, expireAtMs: number): Promise<boolean> {
    return this.#ask({ kind: 'keepAlive', key, modRev, expireAtMs });
  }

  /** Forgets history up to and including `rev`, letting commits through between pieces. */
  async compact(rev: bigint): Promise<void> {
    while (await this.#ask({ kind: 'compact', rev }));
    this.#follow();
  }

  /** Takes nothing more and waits until all that was asked is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stopExpiry();
    await this.#worker;
  }

  /** Settling twice does nothing, so whoever comes first, answer or deadline, decides. */
  #limit(waiting: Waiting, deadlineMs: number): () => void {
    return this.#clock.after(deadlineMs, () => {
      const unsent = this.#waiting.delete(waiting);
      waiting.reject(
        unsent
          ? new DomainError('store_failed', `the transaction was not begun within ${deadlineMs} ms; nothing was written`)
          : new UnknownOutcome(`the transaction was not answered within ${deadlineMs} ms`),
      );
    });
  }

  #ask(request: Extract<WriterRequest, { kind: 'keepAlive' | 'compact' }>): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw closed();
      this.#chores.push(async () => {
        try {
          const reply = await this.#thread.request(request);
          if (reply.kind === 'failed') throw receiveError(reply.error);
          resolve(reply.kind === 'answer' && reply.yes);
        } catch (error) {
          reject(error as Error);
        }
      });
      this.#work();
    });
  }

  #work(): void {
    this.#worker ??= this.#workOff();
  }

  async #workOff(): Promise<void> {
    // Whoever comes in this turn of the event loop goes with the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#chores.length > 0 || this.#waiting.size > 0) {
      // Those that are here now: a chore in pieces comes back for its next one, and lets commits through between them.
      for (const chore of this.#chores.splice(0)) await chore();
      await this.#commitBatch();
    }
    this.#worker = undefined;
  }

  async #commitBatch(): Promise<void> {
    const batch = [...this.#waiting].slice(0, TRANSACTIONS_PER_BATCH);
    if (batch.length === 0) return;
    for (const waiting of batch) this.#waiting.delete(waiting);
    const startedMs = performance.now();
    try {
      const outcomes = await this.#advance({ kind: 'commit', transactions: batch.map((waiting) => waiting.transaction), nowMs: this.#clock.now() });
      this.#onCommit({ transactions: batch.length, seconds: (performance.now() - startedMs) / 1000 });
      batch.forEach((waiting, i) => settle(waiting, outcomes[i]));
    } catch (error) {
      for (const waiting of batch) waiting.reject(error as Error);
    }
  }

  /** Sends a request that may move the file, and follows it. */
  async #advance(request: WriterRequest): Promise<readonly SentOutcome[]> {
    const reply = await this.#thread.request(request).finally(this.#follow);
    if (reply.kind === 'failed') throw receiveError(reply.error);
    if (reply.kind === 'answer') throw new Error(`the writer gave no outcome for ${request.kind}`);
    this.#state = reply.state;
    if (this.#isCheckpointDue()) this.#chores.push(() => this.#checkpoint());
    return reply.outcomes;
  }

  /**
   * Once all of the log is in the file, the reading side takes its snapshot anew: it then needs nothing of the log, and the next commit
   * starts the log over.
   */
  #checkpoint(): Promise<void> {
    this.#moved = this.#state.walBytes;
    return this.#unasked('cannot move the write-ahead log to the file', () => this.#advance({ kind: 'checkpoint' }));
  }

  /** A log that somebody still reads cannot start over: then each attempt waits for as much growth as the one before. */
  #isCheckpointDue(): boolean {
    const { walBytes } = this.#state;
    if (walBytes < this.#moved) this.#moved = 0;
    return walBytes - this.#moved >= CHECKPOINT_EVERY_BYTES;
  }

  #expireIfDue(): void {
    const nowMs = this.#clock.now();
    const { nextExpiryMs } = this.#state;
    if (this.#closed || nextExpiryMs === undefined || nextExpiryMs > nowMs) return;
    // The answer says when the next is due; until it comes, or if it does not, this is not asked again at once.
    this.#state = { ...this.#state, nextExpiryMs: nowMs + EXPIRY_RETRY_MS };
    this.#chores.push(() => this.#expire());
    this.#work();
  }

  #expire(): Promise<void> {
    return this.#unasked('cannot delete expired records', async () => {
      await this.#advance({ kind: 'expire', nowMs: this.#clock.now() });
      this.#expireIfDue();
    });
  }

  /** Nobody waits for these; both are tried again when they are due next. */
  async #unasked(failure: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#log.error(failure, { error });
    }
  }
}

function settle(waiting: Waiting, outcome: SentOutcome | undefined): void {
  if (outcome === undefined) waiting.reject(new UnknownOutcome('the writer gave no outcome'));
  else if ('error' in outcome) waiting.reject(receiveError(outcome.error));
  else waiting.resolve(outcome);
}

/** The caller may reuse its bytes, and a small Buffer would take the whole pool that it is cut from to the other thread. */
function copy(operation: Operation): Operation {
  return 'put' in operation ? { ...operation, value: new Uint8Array(operation.value) } : operation;
}

function closed(): DomainError {
  return new DomainError('store_failed', 'the store is closed');
}
