import { ExponentialBackoff, fullJitterGenerator, type IBackoff } from 'cockatiel';
import type { Clock } from '../platform/clock.js';

/** Changes of the map that come within this time are applied together. */
const GATHER_MS = 20;

const newBackoff = (): IBackoff<unknown> => new ExponentialBackoff({ initialDelay: 500, maxDelay: 30_000, generator: fullJitterGenerator }).next();

/**
 * Runs a task soon after it was asked for, once for many requests, never twice at the same time, and again with growing
 * pauses while it fails.
 */
export class Applier {
  readonly #clock: Clock;
  readonly #task: () => Promise<void>;
  readonly #onError: (error: unknown) => void;
  #backoff = newBackoff();
  #cancel: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #wanted = false;
  #stopped = false;

  /** @param onError Told of every failure; the task runs again by itself. */
  constructor(clock: Clock, task: () => Promise<void>, onError: (error: unknown) => void) {
    this.#clock = clock;
    this.#task = task;
    this.#onError = onError;
  }

  /** Asks for a run. One that is under way does not count: it may have looked already. */
  request(): void {
    this.#wanted = true;
    if (this.#running === undefined) this.#schedule(GATHER_MS);
  }

  /** Waits for the run under way and starts no other. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#running;
  }

  #schedule(afterMs: number): void {
    if (this.#stopped || this.#cancel !== undefined) return;
    this.#cancel = this.#clock.after(afterMs, () => {
      this.#cancel = undefined;
      this.#running = this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#wanted = false;
    let pauseMs = GATHER_MS;
    try {
      await this.#task();
      this.#backoff = newBackoff();
    } catch (error) {
      this.#onError(error);
      this.#wanted = true;
      pauseMs = Math.max(GATHER_MS, this.#backoff.duration);
      this.#backoff = this.#backoff.next(undefined);
    }
    this.#running = undefined;
    if (this.#wanted) this.#schedule(pauseMs);
  }
}
