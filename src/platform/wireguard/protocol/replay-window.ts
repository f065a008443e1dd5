const BITS_PER_WORD = 32;
const WORDS = 64;

/** How far behind the newest a packet may arrive. One word is always being cleared ahead of use. */
export const REPLAY_WINDOW = (WORDS - 1) * BITS_PER_WORD;

/**
 * Remembers which of the newest packet counters were seen, so that each is accepted once and reordering is forgiven.
 *
 * @see RFC 6479: the window slides by whole words in a ring, so nothing is ever shifted
 */
export class ReplayWindow {
  readonly #seen = new Uint32Array(WORDS);
  /** The newest counter accepted. */
  #newest = -1;

  /** Whether `counter` is new; to be asked only about authenticated packets, since it is remembered. */
  accept(counter: number): boolean {
    const word = Math.floor(counter / BITS_PER_WORD);
    if (counter > this.#newest) this.#slideTo(word, counter);
    else if (this.isTooOld(counter)) return false;
    const bit = 1 << (counter % BITS_PER_WORD);
    const slot = word % WORDS;
    const before = this.#seen[slot] ?? 0;
    this.#seen[slot] = before | bit;
    return (before & bit) === 0;
  }

  /** Whether `counter` lies behind the window: known without authenticating the packet. */
  isTooOld(counter: number): boolean {
    return counter + REPLAY_WINDOW < this.#newest;
  }

  #slideTo(word: number, counter: number): void {
    const newestWord = this.#newest < 0 ? -1 : Math.floor(this.#newest / BITS_PER_WORD);
    const steps = Math.min(word - newestWord, WORDS);
    for (let step = 0; step < steps; step++) this.#seen[(word - step) % WORDS] = 0;
    this.#newest = counter;
  }
}
