import type { Log } from '../platform/log.js';

/** Steps that nobody waits for, until the end. */
export class BackgroundTasks {
  readonly #log: Log;
  readonly #running = new Set<Promise<void>>();

  constructor(log: Log) {
    this.#log = log;
  }

  add(task: Promise<void>): void {
    const running = task
      .catch((error: unknown) => this.#log.debug('path step failed', { error: String(error) }))
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Waits for what was added until now. */
  async done(): Promise<void> {
    await Promise.all(this.#running);
  }
}
