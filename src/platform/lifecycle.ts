import { DomainError } from '../domain/errors.js';
import type { Log } from './log.js';

/** Something that was started and must be stopped; stopping twice is stopping once. */
export interface Stoppable {
  stop(): void | Promise<void>;
}

/** Where a program is in its life. */
export type LifecycleState = 'running' | 'stopping' | 'stopped';

/**
 * The parts of a running program, stopped in the reverse of the order in which they were started.
 *
 * A part may depend on those before it in both directions of time: the store outlives the listeners that use it.
 */
export class Lifecycle {
  readonly #log: Log;
  readonly #partDeadlineMs: number;
  readonly #parts: { readonly name: string; readonly part: Stoppable }[] = [];
  #stopping: Promise<void> | undefined;
  #state: LifecycleState = 'running';

  /** @param options `partDeadlineMs` is how long one part may take to stop before the next one is stopped regardless; 10 s. */
  constructor(log: Log, options: { readonly partDeadlineMs?: number } = {}) {
    this.#log = log;
    this.#partDeadlineMs = options.partDeadlineMs ?? 10_000;
  }

  get state(): LifecycleState {
    return this.#state;
  }

  /**
   * Starts a part and keeps it for {@link stop}. When it fails everything started before is stopped again.
   *
   * @param name Appears in the log.
   * @throws what `start` throws; DomainError `draining` when the program is stopping already.
   */
  async start<T extends Stoppable>(name: string, start: () => T | Promise<T>): Promise<T> {
    this.#refuseWhenStopping(name);
    let part: T;
    try {
      part = await start();
    } catch (error) {
      await this.stop();
      throw error;
    }
    this.#parts.push({ name, part });
    if (this.#stopping !== undefined) {
      await this.#stopPart(name, part);
      this.#refuseWhenStopping(name);
    }
    return part;
  }

  /** Stops all parts, the newest first. Every call gets the same promise; a part that fails or hangs is logged and passed over. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopAll();
    return this.#stopping;
  }

  async #stopAll(): Promise<void> {
    this.#state = 'stopping';
    for (let next = this.#parts.pop(); next !== undefined; next = this.#parts.pop()) await this.#stopPart(next.name, next.part);
    this.#state = 'stopped';
  }

  async #stopPart(name: string, part: Stoppable): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), this.#partDeadlineMs);
    });
    try {
      const end = await Promise.race([Promise.resolve(part.stop()), late]);
      if (end === 'late') this.#log.warn('part did not stop in time', { part: name, ms: this.#partDeadlineMs });
    } catch (error) {
      this.#log.warn('part did not stop cleanly', { part: name, error });
    } finally {
      clearTimeout(timer);
    }
  }

  #refuseWhenStopping(name: string): void {
    if (this.#stopping !== undefined) throw new DomainError('draining', `${name}: not started because the program is stopping`);
  }
}

/**
 * Waits for SIGTERM or SIGINT. A second one ends the process at once, for whoever does not want to wait.
 *
 * @returns The signal's name.
 */
export function untilSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    const stop = (signal: NodeJS.Signals): void => {
      for (const name of ['SIGTERM', 'SIGINT'] as const) process.off(name, stop).once(name, () => process.exit(130));
      resolve(signal);
    };
    process.on('SIGTERM', stop).on('SIGINT', stop);
  });
}
