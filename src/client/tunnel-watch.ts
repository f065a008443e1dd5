import type { Clock } from '../platform/clock.js';

/** A joining node waits for its first handshake, so that is looked for often at first, then each second. */
const POLL_MS = { shortest: 30, longest: 1000 } as const;

/** Waits for the tunnel to come up for the first time. */
export class TunnelWatch {
  readonly #clock: Clock;
  readonly #isUp: () => Promise<boolean>;
  readonly #onUp: (ms: number) => void;
  readonly #startedAtMs: number;
  #readyAfterMs = 0;
  #markReady: () => void = () => {};
  #stopped = false;
  #cancel: () => void = () => {};

  /** Resolves when the tunnel is up. */
  readonly ready = new Promise<void>((resolve) => {
    this.#markReady = resolve;
  });

  /** @param onUp Told how long it took. */
  constructor(clock: Clock, isUp: () => Promise<boolean>, onUp: (ms: number) => void) {
    this.#clock = clock;
    this.#isUp = isUp;
    this.#onUp = onUp;
    this.#startedAtMs = clock.now();
  }

  /** Milliseconds until the tunnel was up; 0 before. */
  get readyAfterMs(): number {
    return this.#readyAfterMs;
  }

  /** Looks until it is up, less often the longer it takes. */
  start(): void {
    const waitedMs = this.#clock.now() - this.#startedAtMs;
    this.#cancel = this.#clock.after(Math.min(POLL_MS.longest, Math.max(POLL_MS.shortest, waitedMs / 10)), () => {
      void this.#look().then((up) => !up && !this.#stopped && this.start());
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  async #look(): Promise<boolean> {
    if (!(await this.#isUp().catch(() => false))) return false;
    this.#readyAfterMs = Math.max(1, this.#clock.now() - this.#startedAtMs);
    this.#onUp(this.#readyAfterMs);
    this.#markReady();
    return true;
  }
}
