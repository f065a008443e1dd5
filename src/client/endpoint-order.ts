/**
 * In which order control listeners are tried: the one that worked last stays first, the rest keep their order.
 *
 * A node never falls back to an earlier endpoint by itself: a controller that has just returned would get every node at once.
 */
export class EndpointOrder {
  #known: readonly string[] = [];
  #next = 0;

  /** @param preferred The endpoint that worked last, if any. */
  constructor(endpoints: readonly string[], preferred = '') {
    this.replace([preferred, ...endpoints]);
  }

  /** How many there are. */
  get size(): number {
    return this.#known.length;
  }

  /** The endpoint to try now. */
  current(): string {
    return this.#known[this.#next] ?? '';
  }

  /** Goes on to the next one. @returns whether every endpoint has had its turn, so that it is time to wait. */
  advance(): boolean {
    this.#next = (this.#next + 1) % Math.max(1, this.#known.length);
    return this.#next === 0;
  }

  /** The current one works: a new round begins with it. */
  settle(): void {
    this.replace(this.#known);
  }

  /** Takes a new list, best first, and stays with the current endpoint, which works even if it is not listed. */
  replace(endpoints: readonly string[]): void {
    this.#known = [...new Set([this.current(), ...endpoints])].filter((endpoint) => endpoint !== '');
    this.#next = 0;
  }
}
