/**
 * Which host numbers of a network are taken: a bitmap with a summary bit per word on every level above, so that
 * the lowest free number is found in one step a level whatever the fill. One bit an address and a thirty-second
 * part more; a /8 takes 2.1 MiB.
 */
export class Pool {
  /** `#levels[0]` has a bit a number; a set bit above says that the word below is full. */
  readonly #levels: Uint32Array[] = [];
  #taken = 0;

  /** @param size Numbers 0 … `size` − 1. */
  constructor(readonly size: number) {
    let words = size;
    do {
      words = Math.ceil(words / 32);
      this.#levels.push(new Uint32Array(words));
    } while (words > 1);
    this.#closeTails(size);
  }

  /** How many numbers are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes the lowest free number, so that the same requests in the same order get the same addresses; −1 when full. */
  takeLowest(): number {
    const levels = this.#levels;
    if (levels[levels.length - 1]![0] === FULL) return -1;
    let index = 0;
    for (let level = levels.length - 1; level >= 0; level--) index = index * 32 + lowestZero(levels[level]![index]!);
    this.take(index);
    return index;
  }

  /** Takes `number`; false when it is taken already or not of this pool. */
  take(number: number): boolean {
    if (!this.#inRange(number) || this.isTaken(number)) return false;
    this.#taken++;
    this.#set(number);
    return true;
  }

  /** Frees `number`; false when it was free or is not of this pool. */
  release(number: number): boolean {
    if (!this.#inRange(number) || !this.isTaken(number)) return false;
    this.#taken--;
    let index = number;
    for (const words of this.#levels) {
      const at = index >>> 5;
      const before = words[at]!;
      words[at] = (before & ~(1 << (index & 31))) >>> 0;
      if (before !== FULL) return true;
      index = at;
    }
    return true;
  }

  /** Whether `number` is taken; numbers outside the pool are. */
  isTaken(number: number): boolean {
    return !this.#inRange(number) || (this.#levels[0]![number >>> 5]! & (1 << (number & 31))) !== 0;
  }

  #inRange(number: number): boolean {
    return Number.isInteger(number) && number >= 0 && number < this.size;
  }

  /** Sets a bit, and the summary bits of the words that it fills. */
  #set(number: number): void {
    let index = number;
    for (const words of this.#levels) {
      const at = index >>> 5;
      const after = (words[at]! | (1 << (index & 31))) >>> 0;
      words[at] = after;
      if (after !== FULL) return;
      index = at;
    }
  }

  /** Marks the bits past the end of each level as taken. */
  #closeTails(size: number): void {
    let bits = size;
    for (const words of this.#levels) {
      const rest = bits & 31;
      if (rest !== 0) words[words.length - 1] = (FULL << rest) >>> 0;
      bits = words.length;
    }
  }
}

const FULL = 0xffffffff;

function lowestZero(word: number): number {
  const free = ~word;
  return 31 - Math.clz32(free & -free);
}
