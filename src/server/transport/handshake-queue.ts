/**
 * How many handshakes share the processor. Beyond, each takes so much longer that on a busy machine all of them run out of time and none is ever
 * done; in a line each is done soon after its turn has come.
 */
const AT_ONCE = 64;

/** Bounds of a {@link HandshakeQueue}. */
export interface HandshakeQueueSettings {
  /** Handshakes at a time. */
  readonly atOnce?: number;
  /** How long one may wait for its turn. */
  readonly patienceMs: number;
}

/** Lets a few handshakes in at a time, in the order in which they came, and sends those away whose turn does not come in time. */
export class HandshakeQueue {
  readonly #waiting = new Set<() => void>();
  readonly #atOnce: number;
  readonly #patienceMs: number;
  #running = 0;

  constructor({ atOnce = AT_ONCE, patienceMs }: HandshakeQueueSettings) {
    this.#atOnce = atOnce;
    this.#patienceMs = patienceMs;
  }

  /**
   * Calls `start` when its turn has come, perhaps at once.
   *
   * @param giveUp Called instead when it does not come in time.
   * @returns To be called when the handshake is over, or will never be: it gives the place to the next. Idempotent.
   */
  enter(start: () => void, giveUp: () => void): () => void {
    let isRunning = false;
    let timer: NodeJS.Timeout | undefined;
    const run = (): void => {
      clearTimeout(timer);
      isRunning = true;
      this.#running++;
      start();
    };
    const leave = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(run);
      if (!isRunning) return;
      isRunning = false;
      this.#running--;
      this.#next();
    };
    this.#waiting.add(run);
    this.#next();
    if (this.#waiting.has(run)) {
      timer = setTimeout(() => {
        leave();
        giveUp();
      }, this.#patienceMs);
    }
    return leave;
  }

  #next(): void {
    const [first] = this.#waiting;
    if (first === undefined || this.#running >= this.#atOnce) return;
    this.#waiting.delete(first);
    first();
  }
}
