/**
 * How many handshakes share the processor. Beyond, each takes so much longer that on a busy machine all of them run out of time and none is ever
 * done; in a line each is done soon after its turn has come.
 */
const AT_ONCE = 64;

/** Lets a few handshakes in at a time, in the order in which they came. */
export class HandshakeQueue {
  readonly #waiting = new Set<() => void>();
  #running = 0;

  constructor(private readonly atOnce = AT_ONCE) {}

  /**
   * Calls `start` when its turn has come, perhaps at once.
   *
   * @returns To be called when the handshake is over, or will never be: it gives the place to the next. Idempotent.
   */
  enter(start: () => void): () => void {
    let isRunning = false;
    const run = (): void => {
      isRunning = true;
      this.#running++;
      start();
    };
    this.#waiting.add(run);
    this.#next();
    return () => {
      this.#waiting.delete(run);
      if (!isRunning) return;
      isRunning = false;
      this.#running--;
      this.#next();
    };
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#running >= this.atOnce) return;
    this.#waiting.delete(first);
    first();
  }
}
