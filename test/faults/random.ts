/** Numbers that look random and are the same for the same seed: xorshift of 32 bits. @see https://www.jstatsoft.org/article/view/v008i14 */
export class SeededRandom {
  #state: number;

  /** @param seed Any whole number. */
  constructor(seed: number) {
    // Neighbouring seeds must not begin alike, and nothing comes out of 0.
    this.#state = Math.imul(seed + 1, 0x9e3779b1) | 1;
    for (let i = 0; i < 8; i++) this.below(2);
  }

  /** A whole number from 0 on, below `limit`. */
  below(limit: number): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return (x >>> 0) % limit;
  }

  /** From `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  /** One of several. */
  pick<T>(of: readonly T[]): T {
    return of[this.below(of.length)]!;
  }
}
