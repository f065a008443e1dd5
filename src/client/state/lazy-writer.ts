import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';

/** How long changes are gathered: each write waits for the disk, and losing two seconds of a cache costs nothing. */
const GATHER_MS = 2000;

/** Writes something that changes often, not often. */
export class LazyWriter {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #write: () => void;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, log: Log, write: () => void) {
    this.#clock = clock;
    this.#log = log;
    this.#write = write;
  }

  /** What is written has changed. */
  touch(): void {
    this.#cancel ??= this.#clock.after(GATHER_MS, () => this.flush());
  }

  /** Writes now what has not been written. A full disk is reported and does not end the agent: it is a cache. */
  flush(): void {
    if (this.#cancel === undefined) return;
    this.#cancel();
    this.#cancel = undefined;
    try {
      this.#write();
    } catch (error) {
      this.#log.warn('the state folder cannot be written', { reason: (error as Error).message });
    }
  }

  /** Forgets what has not been written. */
  drop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }
}
