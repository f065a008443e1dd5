import { ExponentialBackoff, fullJitterGenerator } from 'cockatiel';

/** Most losses are restarts: what hangs on the controller shall go on soon after it is back. */
const RESTART_MS = 60_000;
const RESTART_PAUSE_MS = 600;
/** Whoever is away for longer is not made to answer ten thousand nodes a second. */
const LONG_PAUSE_MS = 30_000;

/**
 * How long to wait between attempts to reach a controller: up to 0.2 s, growing to 0.6 s in the first minute after a loss and to 30 s after it.
 * Each pause is drawn between nothing and that, so that nodes that were lost together do not come back together.
 */
export class ReconnectPauses {
  #lostAtMs: number;
  #short = backoff(RESTART_PAUSE_MS);
  #long = backoff(LONG_PAUSE_MS);

  /** @param nowMs When the connection was lost. */
  constructor(nowMs: number) {
    this.#lostAtMs = nowMs;
  }

  /** A connection has held until now: the next loss is a new one. */
  held(nowMs: number): void {
    this.#lostAtMs = nowMs;
    this.#short = backoff(RESTART_PAUSE_MS);
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

function backoff(maxDelay: number) {
  return new ExponentialBackoff({ initialDelay: 200, maxDelay, generator: fullJitterGenerator }).next();
}
