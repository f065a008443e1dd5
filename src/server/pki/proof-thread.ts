import type { Worker } from 'node:worker_threads';
import { DomainError } from '../../domain/errors.js';
import { startWorker } from '../../platform/worker.js';
import type { KeyClaim, ProvedKeys } from './key-claim.js';
import { receiveOutcome, sendClaim, type ProofJob, type ProofOutcome } from './proof-protocol.js';

interface Waiting {
  readonly resolve: (keys: ProvedKeys) => void;
  readonly reject: (error: Error) => void;
}

/** One thread that checks keys, as this thread sees it. */
export class ProofThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  /** What goes with the next message. */
  #unsent: ProofJob[] = [];
  #lastId = 0;
  #lost: DomainError | undefined;

  /** @param onLost Told once, with the reason, when the thread has ended by itself; it takes nothing more. */
  constructor(onLost: (reason: string) => void, worker: Worker = startWorker('./proof-worker', import.meta.url, {})) {
    this.#worker = worker;
    // The process may end without it: whoever waits for an answer has a connection open.
    this.#worker.unref();
    this.#worker.on('message', (outcomes: readonly ProofOutcome[]) => outcomes.forEach((outcome) => this.#settle(outcome)));
    this.#worker.on('error', (error) => this.#lose(error.message, onLost));
    this.#worker.on('exit', (code) => this.#lose(`it ended with ${code}`, onLost));
  }

  /** How many checks it has not answered. */
  get pending(): number {
    return this.#waiting.size;
  }

  /**
   * Has the keys of `claim` checked. Those that are asked for in one turn of the event loop go together.
   *
   * @throws DomainError as `proveKeys`; `unavailable` when the thread ends before it answers.
   */
  prove(claim: KeyClaim): Promise<ProvedKeys> {
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    if (this.#unsent.length === 0) setImmediate(() => this.#send());
    const id = ++this.#lastId;
    this.#unsent.push({ id, claim: sendClaim(claim) });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  /** Ends the thread; what it has not answered is refused. */
  async stop(): Promise<void> {
    this.#lose('the server stops', () => {});
    await this.#worker.terminate();
  }

  #send(): void {
    const jobs = this.#unsent;
    this.#unsent = [];
    if (this.#lost === undefined) this.#worker.postMessage(jobs);
  }

  #settle(outcome: ProofOutcome): void {
    const waiting = this.#waiting.get(outcome.id);
    this.#waiting.delete(outcome.id);
    try {
      waiting?.resolve(receiveOutcome(outcome));
    } catch (error) {
      waiting?.reject(error as Error);
    }
  }

  #lose(reason: string, onLost: (reason: string) => void): void {
    if (this.#lost !== undefined) return;
    const lost = new DomainError('unavailable', `the keys were not checked: the thread for it is lost (${reason}); try again`);
    this.#lost = lost;
    for (const { reject } of this.#waiting.values()) reject(lost);
    this.#waiting.clear();
    onLost(reason);
  }
}
