import { DomainError } from '../../../domain/errors.js';
import type { ResponseOp, TxnResponse } from '../../../gen/etcd/etcd.js';
import { systemClock } from '../../../platform/clock.js';
import { UnknownOutcome, type Transaction, type TransactionResult } from '../store.js';
import { nextBatch, requestOf, sendable, type Sendable } from './batch.js';
import type { EtcdMembers } from './etcd-members.js';
import { toRecord } from './etcd-terms.js';

/** Enough to hide the way to another data centre, few enough that batches fill while these are on their way. */
const MOST_REQUESTS = 4;

interface Waiting extends Sendable {
  readonly resolve: (result: TransactionResult) => void;
  readonly reject: (error: Error) => void;
}

/** Sends transactions to etcd; those that wait at the same time share one request, hence one round through the majority and one fsync. */
export class GroupCommit {
  readonly #members: EtcdMembers;
  #waiting: Waiting[] = [];
  readonly #sending = new Set<Promise<void>>();
  #scheduled = false;
  #closed = false;

  constructor(members: EtcdMembers) {
    this.#members = members;
  }

  /**
   * Commits `transaction` with whoever else waits.
   *
   * @param leases     The lease of each write, 0 for none.
   * @param deadlineMs Milliseconds after which the caller no longer waits.
   * @throws DomainError `store_failed` when it was certainly not committed; UnknownOutcome.
   */
  commit(transaction: Transaction, leases: readonly bigint[], deadlineMs?: number): Promise<TransactionResult> {
    let cancel = (): void => {};
    const answer = new Promise<TransactionResult>((resolve, reject) => {
      if (this.#closed) throw new DomainError('store_failed', 'the store is closed');
      const waiting: Waiting = { ...sendable(transaction, leases), resolve, reject };
      this.#waiting.push(waiting);
      if (deadlineMs !== undefined) cancel = systemClock.after(deadlineMs, () => this.#giveUp(waiting, deadlineMs));
      this.#schedule();
    });
    return answer.finally(cancel);
  }

  /** Takes nothing more and waits until all that was asked is answered. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#waiting.length > 0 || this.#sending.size > 0) {
      this.#sendAll();
      await Promise.all(this.#sending);
    }
  }

  /** Whoever comes in this turn of the event loop goes with the first. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#sendAll();
    });
  }

  #sendAll(): void {
    while (this.#sending.size < MOST_REQUESTS && this.#waiting.length > 0) {
      const { batch, rest } = nextBatch(this.#waiting);
      this.#waiting = rest;
      const sending = this.#send(batch).finally(() => {
        this.#sending.delete(sending);
        this.#sendAll();
      });
      this.#sending.add(sending);
    }
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    try {
      const response = await this.#members.write(({ kv }) => kv.txn.bind(kv), requestOf(batch));
      settle(batch, response);
    } catch (error) {
      // One of them is refused, and none was carried out: the others must not suffer for it.
      if (error instanceof DomainError && batch.length > 1) await Promise.all(batch.map((each) => this.#send([each])));
      else for (const { reject } of batch) reject(error as Error);
    }
  }

  /** Settling twice does nothing, so whoever comes first, answer or deadline, decides. */
  #giveUp(waiting: Waiting, deadlineMs: number): void {
    const unsent = this.#waiting.includes(waiting);
    this.#waiting = this.#waiting.filter((each) => each !== waiting);
    waiting.reject(
      unsent
        ? new DomainError('store_failed', `the transaction was not sent within ${deadlineMs} ms; nothing was written`)
        : new UnknownOutcome(`the transaction was not answered within ${deadlineMs} ms`),
    );
  }
}

function settle(batch: readonly Waiting[], response: TxnResponse): void {
  const rev = response.header?.revision ?? 0n;
  const answers = batch.length === 1 ? [response] : response.responses.map(({ response: inner }) => (inner?.$case === 'responseTxn' ? inner.value : undefined));
  batch.forEach(({ resolve, reject }, i) => {
    const answer = answers[i];
    if (answer === undefined) reject(new UnknownOutcome('etcd gave no outcome'));
    else resolve({ ok: answer.succeeded, rev, found: answer.succeeded ? [] : answer.responses.flatMap(recordsOf) });
  });
}

function recordsOf({ response }: ResponseOp): TransactionResult['found'] {
  return response?.$case === 'responseRange' ? response.value.kvs.map(toRecord) : [];
}
