/**
 * A rate bound: gains `perSecond` tokens and holds at most a second's worth.
 *
 * Takes the time as an argument and makes no objects, because the relay asks it for every packet.
 */
export class TokenBucket {
  #tokens: number;
  #atMs: number;

  constructor(
    private readonly perSecond: number,
    nowMs: number,
  ) {
    this.#tokens = perSecond;
    this.#atMs = nowMs;
  }

  /** Takes `cost` tokens if there are as many. A clock that is set back gives none and takes none. */
  take(cost: number, nowMs: number): boolean {
    const gained = ((nowMs - this.#atMs) * this.perSecond) / 1000;
    this.#atMs = nowMs;
    if (gained > 0) this.#tokens = Math.min(this.perSecond, this.#tokens + gained);
    if (this.#tokens < cost) return false;
    this.#tokens -= cost;
    return true;
  }
}
