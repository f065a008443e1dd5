import type { Worker } from 'node:worker_threads';
import { DomainError } from '../../domain/errors.js';
import { startWorker } from '../../platform/worker.js';
import { UnknownOutcome } from './store.js';
import type { WriterData, WriterReply, WriterRequest, WriterState } from './writer-protocol.js';

/** The thread that writes, as this thread sees it: one request at a time. */
export class WriterThread {
  /** Resolves when the thread is lost, and never when it was closed. */
  readonly failed: Promise<DomainError>;
  readonly #worker: Worker;
  readonly #exited: Promise<void>;
  #answer: { resolve: (reply: WriterReply) => void; reject: (error: Error) => void } | undefined;
  #lost: DomainError | undefined;
  #closing = false;

  private constructor(data: WriterData) {
    this.#worker = startWorker('./sqlite-writer-worker', import.meta.url, data);
    this.#worker.on('message', (reply: WriterReply) => {
      this.#answer?.resolve(reply);
      this.#answer = undefined;
    });
    this.failed = new Promise((resolve) => {
      this.#worker.on('error', (error) => resolve(this.#lose(error.message)));
      this.#worker.on('exit', () => {
        const error = this.#lose('its thread ended');
        if (!this.#closing) resolve(error);
      });
    });
    this.#exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
  }

  /**
   * Starts the thread and waits until it has opened the file.
   *
   * @throws DomainError `store_failed` with what is wrong with the file.
   */
  static async start(data: WriterData): Promise<{ thread: WriterThread; state: WriterState }> {
    const thread = new WriterThread(data);
    const first = await thread.#reply();
    if (first.kind === 'done') return { thread, state: first.state };
    await thread.close();
    const why = first.kind === 'failed' ? first.error.message : first.kind;
    throw new DomainError('store_failed', `cannot open the store ${data.file}: ${why}`);
  }

  /**
   * Sends `request` and waits for the answer to it. The one before must have been answered.
   *
   * @throws DomainError `store_failed` when the thread is gone already; UnknownOutcome when it goes before it answers.
   */
  async request(request: WriterRequest): Promise<WriterReply> {
    if (this.#lost) throw this.#lost;
    this.#worker.postMessage(request);
    return this.#reply();
  }

  /** Closes the file and ends the thread. */
  async close(): Promise<void> {
    this.#closing = true;
    if (!this.#lost) this.#worker.postMessage({ kind: 'close' } satisfies WriterRequest);
    await this.#exited;
  }

  #reply(): Promise<WriterReply> {
    return new Promise((resolve, reject) => (this.#answer = { resolve, reject }));
  }

  #lose(why: string): DomainError {
    this.#lost ??= new DomainError('store_failed', `the store's writer is lost: ${why}; restart nc-server`);
    this.#answer?.reject(new UnknownOutcome(this.#lost.message));
    this.#answer = undefined;
    return this.#lost;
  }
}
