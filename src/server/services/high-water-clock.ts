import { ClockRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { keys } from '../store/keys.js';
import type { Repository } from '../store/local-view.js';

/** How far the stored mark may lag behind; a clock set back by less than this revives nothing that matters. */
const MARK_EVERY_MS = 60_000;

/**
 * The server's clock for deciding what has expired: never behind the highest time this cluster has seen, so that a
 * clock set back revives no token and no certificate.
 */
export class HighWaterClock implements Clock {
  readonly #clock: Clock;
  #mark: number;
  #stored: number;

  /** @param repository Where the mark of earlier is. */
  constructor(clock: Clock, repository: Repository) {
    this.#clock = clock;
    this.#stored = repository.view.clock()?.value.highWaterMs ?? 0;
    this.#mark = this.#stored;
  }

  now(): number {
    this.#mark = Math.max(this.#mark, this.#clock.now());
    return this.#mark;
  }

  after(ms: number, task: () => void): () => void {
    return this.#clock.after(ms, task);
  }

  every(ms: number, task: () => void): () => void {
    return this.#clock.every(ms, task);
  }

  /**
   * Stores the mark if it has moved on enough; the sweeper calls it.
   *
   * @param repository Through which it is written: the leader's, where there are several servers.
   */
  async remember(repository: Repository): Promise<void> {
    const now = this.now();
    if (now - this.#stored < MARK_EVERY_MS) return;
    await repository.update((view) => {
      const stored = view.clock();
      const key = keys.clock();
      if (stored !== undefined && stored.value.highWaterMs >= now) return { if: [], then: [], result: undefined };
      return {
        if: [stored === undefined ? { key, absent: true } : { key, modRev: stored.modRev }],
        then: [{ put: key, value: ClockRecord.encode({ highWaterMs: now }).finish() }],
        result: undefined,
      };
    });
    this.#stored = now;
  }
}
