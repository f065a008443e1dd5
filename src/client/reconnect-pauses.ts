import { ExponentialBackoff, fullJitterGenerator } from 'cockatiel';

/** Most losses are restarts: what hangs on the controller shall go on soon after it is back. */
const RESTART_MS = 60_000;
const FIRST_PAUSE_MS = 200;
const RESTART_PAUSE_MS = 600;
/** Whoever is away for longer is not made to answer ten thousand nodes a second. */
const LONG_PAUSE_MS = 30_000;

/**
 * How long to wait between attempts to reach a controller: up to 0.2 s, growing to 0.6 s in the first minute after a loss and to 30 s after it.
 * Each pause is drawn between nothing and that, so that nodes that were lost together do not come back together.
 *
 * Thousands of nodes wait longer than 0.6 s from the second pause on, as the controller has asked them to while it was there: one that comes back
 * would serve none of them if all knocked twice a second.
 */
export class ReconnectPauses {
  #lostAtMs: number;
  #short = backoff(RESTART_PAUSE_MS);
  #long = backoff(LONG_PAUSE_MS);

  /** @param nowMs When the connection was lost. */
  constructor(nowMs: number) {
    this.#lostAtMs = nowMs;
  }

  /**
   * A connection has held until now: the next loss is a new one.
   *
   * @param crowdMs Within how long to try again, as the controller has asked; a minute at most, whatever it asks.
   */
  held(nowMs: number, crowdMs = 0): void {
    this.#lostAtMs = nowMs;
    const pauseMs = Math.min(crowdMs, RESTART_MS);
    this.#short = pauseMs > RESTART_PAUSE_MS ? backoff(pauseMs, pauseMs / FIRST_PAUSE_MS) : backoff(RESTART_PAUSE_MS);
    this.#long = backoff(LONG_PAUSE_MS);
  }

  /** Milliseconds until the next attempt. */
  next(nowMs: number): number {
    const isNew = nowMs - this.#lostAtMs < RESTART_MS;
    const { duration } = isNew ? this.#short : this.#long;
    if (isNew) this.#short = this.#short.next(undefined);
    else this.#long = this.#long.next(undefined);
    return duration;
  }
}

/** @param exponent How many times the one before a pause may be, until `maxDelay`. */
function backoff(maxDelay: number, exponent = 2) {
  return new ExponentialBackoff({ initialDelay: FIRST_PAUSE_MS, maxDelay, exponent, generator: fullJitterGenerator }).next();
}
