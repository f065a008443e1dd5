import type { Clock } from '../platform/clock.js';

/** When the controller has not said when to report next. */
const DEFAULT_MS = 10_000;
/** However long the controller asks to be left alone, a node is heard this often. */
const LONGEST_MS = 120_000;
/** Changes within this time make one report: when a node joins, the paths of all others to it change. */
const SOON_MS = 1000;

/** Sends reports while there is a connection: at its start, when the controller asked for the next one, and soon after a change. */
export class Heartbeat {
  readonly #clock: Clock;
  /** Sends one report. @returns in how many seconds the next is wanted, 0 for no wish. */
  readonly #send: () => Promise<number>;
  #cancel: () => void = () => {};
  #state: 'stopped' | 'waiting' | 'due' | 'sending' = 'stopped';
  #again = false;

  constructor(clock: Clock, send: () => Promise<number>) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Begins with a report at once. */
  start(): void {
    this.#schedule(0);
  }

  /** Asks for a report soon; several calls make one. Does nothing when stopped. */
  soon(): void {
    if (this.#state === 'sending') this.#again = true;
    if (this.#state === 'waiting') this.#schedule(SOON_MS);
  }

  /** Asks for a report at once, or right after the one under way. Does nothing when stopped. */
  now(): void {
    if (this.#state === 'sending') this.#again = true;
    else if (this.#state !== 'stopped') this.#schedule(0);
  }

  stop(): void {
    this.#state = 'stopped';
    this.#cancel();
  }

  #schedule(afterMs: number): void {
    this.#cancel();
    this.#state = afterMs > SOON_MS ? 'waiting' : 'due';
    this.#cancel = this.#clock.after(afterMs, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    this.#state = 'sending';
    this.#again = false;
    // A report that fails is of no interest by itself: the stream tells whether the connection is gone.
    const seconds = await this.#send().catch(() => 0);
    if ((this.#state as string) === 'stopped') return;
    this.#schedule(this.#again ? SOON_MS : seconds > 0 ? Math.min(seconds * 1000, LONGEST_MS) : DEFAULT_MS);
  }
}
