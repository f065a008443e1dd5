import type { Clock } from '../platform/clock.js';

/**
 * Runs a task again and again, never twice at a time: when its pause is over, and at once when asked.
 */
export class Rounds {
  readonly #clock: Clock;
  readonly #task: () => Promise<void>;
  readonly #pauseMs: () => number;
  #running: Promise<void> | undefined;
  #again = false;
  #cancelNext: () => void = () => {};
  #stopped = false;

  /**
   * @param task    Must not reject.
   * @param pauseMs Asked after each run for the time until the next.
   */
  constructor(clock: Clock, task: () => Promise<void>, pauseMs: () => number) {
    this.#clock = clock;
    this.#task = task;
    this.#pauseMs = pauseMs;
    this.#scheduleNext();
  }

  get isStopped(): boolean {
    return this.#stopped;
  }

  /** Runs the task. One that is under way is followed by another, for it may have looked already. */
  run(): Promise<void> {
    this.#again = this.#running !== undefined;
    return (this.#running ??= this.#runs());
  }

  /** Waits for the run under way and starts no other. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelNext();
    await this.#running;
  }

  async #runs(): Promise<void> {
    do {
      this.#again = false;
      if (!this.#stopped) await this.#task();
    } while (this.#again);
    this.#running = undefined;
    this.#scheduleNext();
  }

  #scheduleNext(): void {
    this.#cancelNext();
    if (!this.#stopped) this.#cancelNext = this.#clock.after(this.#pauseMs(), () => void this.run());
  }
}
