import type { Clock } from '../../src/platform/clock.js';

/** A clock that stands still until told; timers due in between run in order. */
export class ManualClock implements Clock {
  #now: number;
  readonly #timers = new Set<{ dueMs: number; everyMs: number; task: () => void }>();

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, task: () => void): () => void {
    return this.#add({ dueMs: this.#now + ms, everyMs: 0, task });
  }

  every(ms: number, task: () => void): () => void {
    return this.#add({ dueMs: this.#now + ms, everyMs: ms, task });
  }

  /** Moves time on by `ms` and runs what falls due, each at its own moment. */
  advance(ms: number): void {
    const end = this.#now + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#now = Math.max(this.#now, next.dueMs);
      if (next.everyMs > 0) next.dueMs += next.everyMs;
      else this.#timers.delete(next);
      next.task();
    }
    this.#now = end;
  }

  /** Sets the wall clock, back too, without running anything: timers know nothing of it, and fall due after as long as before. */
  set(nowMs: number): void {
    for (const timer of this.#timers) timer.dueMs += nowMs - this.#now;
    this.#now = nowMs;
  }

  #add(timer: { dueMs: number; everyMs: number; task: () => void }): () => void {
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  #next(end: number): { dueMs: number; everyMs: number; task: () => void } | undefined {
    let best: { dueMs: number; everyMs: number; task: () => void } | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs <= end && (best === undefined || timer.dueMs < best.dueMs)) best = timer;
    }
    return best;
  }
}
