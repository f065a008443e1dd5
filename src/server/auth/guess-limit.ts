import { LRUCache } from 'lru-cache';
import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import { sourceOf } from './source.js';

const MINUTE_MS = 60_000;
/** Sources remembered; the one that guessed least recently is forgotten first. */
const SOURCES = 10_000;

/**
 * Bounds how often one source may show a secret that is not one.
 *
 * No guess hits 128 bits; this keeps a source from making the server hash, decide and log without end. Sources are limited
 * and never token ids, which appear in logs: else whoever reads one could lock its token.
 */
export class GuessLimit {
  readonly #perMinute: number;
  readonly #clock: Clock;
  #wrong = 0;
  #refused = 0;
  readonly #guesses = new LRUCache<string, { sinceMs: number; count: number }>({ max: SOURCES });

  constructor(perMinute: number, clock: Clock) {
    this.#perMinute = perMinute;
    this.#clock = clock;
  }

  /** Secrets that were none, since the start. */
  get wrong(): number {
    return this.#wrong;
  }

  /** Attempts that were refused unseen, since the start. */
  get refused(): number {
    return this.#refused;
  }

  /**
   * Runs `attempt` for a caller at `address`, and counts it when it ends with `token_invalid`.
   *
   * @throws DomainError `rate_limited` when the source has guessed too often within a minute; what `attempt` throws.
   */
  async watch<T>(address: string, attempt: () => Promise<T>): Promise<T> {
    const source = sourceOf(address);
    if (this.#countOf(source) >= this.#perMinute) {
      this.#refused++;
      throw new DomainError('rate_limited', `want at most ${this.#perMinute} tokens a minute that are none, got more from ${source}; wait a minute`);
    }
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof DomainError && error.code === 'token_invalid') this.#count(source);
      throw error;
    }
  }

  #countOf(source: string): number {
    const guesses = this.#guesses.get(source);
    return guesses === undefined || this.#clock.now() - guesses.sinceMs >= MINUTE_MS ? 0 : guesses.count;
  }

  #count(source: string): void {
    this.#wrong++;
    const count = this.#countOf(source);
    const sinceMs = count === 0 ? this.#clock.now() : (this.#guesses.peek(source)?.sinceMs ?? 0);
    this.#guesses.set(source, { sinceMs, count: count + 1 });
  }
}
