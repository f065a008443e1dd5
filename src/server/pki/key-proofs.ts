import { availableParallelism } from 'node:os';
import type { Log } from '../../platform/log.js';
import { TokenBucket } from '../../platform/token-bucket.js';
import { proveKeys, type KeyClaim, type ProvedKeys } from './key-claim.js';
import { ProofThread } from './proof-thread.js';

/** The cores that the main thread and the store's writer leave, one at least. */
const THREADS = Math.min(4, Math.max(1, availableParallelism() - 2));
/** Up to so many a second are done where they are asked for: they stall nobody, and most controllers never need a thread. */
const BY_ITSELF_A_SECOND = 20;

/** How keys are checked. */
export interface KeyProofOptions {
  readonly log: Log;
  /** Threads at most. */
  readonly threads?: number;
  /** How many a second are checked by whoever asks. */
  readonly byItself?: number;
  readonly newThread?: (onLost: (reason: string) => void) => ProofThread;
}

/**
 * Checks that callers hold the keys they claim, off the main thread when many come: OpenSSL takes most of a millisecond for one, in which
 * nobody else would be answered.
 */
export class KeyProofs {
  readonly #log: Log;
  readonly #threadCount: number;
  readonly #byItself: TokenBucket;
  readonly #newThread: (onLost: (reason: string) => void) => ProofThread;
  readonly #threads = new Set<ProofThread>();

  /** @param options What is not given is chosen for this machine. */
  constructor({ log, threads = THREADS, byItself = BY_ITSELF_A_SECOND, newThread = (onLost) => new ProofThread(onLost) }: KeyProofOptions) {
    this.#log = log;
    this.#threadCount = threads;
    this.#byItself = new TokenBucket(byItself, performance.now());
    this.#newThread = newThread;
  }

  /**
   * Checks the keys of `claim`.
   *
   * @throws DomainError `proof_invalid`, `csr_invalid`, `invalid_argument`; `unavailable` when the thread is lost meanwhile.
   */
  async prove(claim: KeyClaim): Promise<ProvedKeys> {
    return this.#byItself.take(1, performance.now()) ? proveKeys(claim) : this.#thread().prove(claim);
  }

  /** Ends the threads. */
  async stop(): Promise<void> {
    await Promise.all([...this.#threads].map((thread) => thread.stop()));
    this.#threads.clear();
  }

  /** The one with the least to do; a new one while there may be more and all have some. */
  #thread(): ProofThread {
    let idlest: ProofThread | undefined;
    for (const thread of this.#threads) {
      if (idlest === undefined || thread.pending < idlest.pending) idlest = thread;
    }
    if (idlest !== undefined && (idlest.pending === 0 || this.#threads.size >= this.#threadCount)) return idlest;
    return this.#start();
  }

  #start(): ProofThread {
    const thread: ProofThread = this.#newThread((reason) => {
      if (this.#threads.delete(thread)) this.#log.error('a thread that checks keys is lost, the next check starts another', { reason });
    });
    this.#threads.add(thread);
    return thread;
  }
}
