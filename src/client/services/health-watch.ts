import type { Clock } from '../../platform/clock.js';
import type { CheckConfig } from '../../platform/config/service-check.js';
import type { Probe } from './probe.js';

/** What is known of a service's health. */
export interface Health {
  readonly health: 'passing' | 'failing';
  readonly healthReason: string;
}

/**
 * Checks one service again and again. It counts as failing until a check has passed, and changes with the first check, or as many in
 * a row as asked for, that says otherwise.
 */
export class HealthWatch {
  readonly #check: CheckConfig;
  readonly #probe: Probe;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #state: Health = { health: 'failing', healthReason: 'not checked yet' };
  /** Checks in a row that contradict the state. */
  #against = 0;
  #stopped = false;
  #cancel: () => void = () => {};
  #running = new AbortController();
  /** Whether a check is under way, also one that was given up and has not ended yet. */
  #busy = false;

  /** @param deps `onChange` is called when {@link state} has changed. */
  constructor(check: CheckConfig, deps: { probe: Probe; clock: Clock; onChange: () => void }) {
    this.#check = check;
    this.#probe = deps.probe;
    this.#clock = deps.clock;
    this.#onChange = deps.onChange;
  }

  get state(): Health {
    return this.#state;
  }

  /** Checks at once and then at each interval. */
  start(): void {
    void this.#round();
  }

  /** Ends a check under way, too. */
  stop(): void {
    this.#stopped = true;
    this.#cancel();
    this.#running.abort();
  }

  async #round(): Promise<void> {
    const startedMs = performance.now();
    const failure = await this.#look();
    if (this.#stopped) return;
    this.#judge(failure);
    this.#cancel = this.#clock.after(Math.max(0, this.#check.interval - (performance.now() - startedMs)), () => void this.#round());
  }

  /** @returns why the check failed, or undefined. */
  async #look(): Promise<string | undefined> {
    if (this.#busy) return 'the check before has not ended';
    this.#busy = true;
    this.#running = new AbortController();
    const looked = this.#probe(this.#running.signal)
      .then(() => undefined, (error: unknown) => (error as Error).message)
      .finally(() => (this.#busy = false));
    let cancelTimeout = (): void => {};
    const late = new Promise<string>((resolve) => {
      cancelTimeout = this.#clock.after(this.#check.timeout, () => resolve(`no answer within ${this.#check.timeout} ms`));
    });
    const failure = await Promise.race([looked, late]);
    cancelTimeout();
    // What is late is ended, for instance a program with all that it has started.
    this.#running.abort();
    return failure;
  }

  #judge(failure: string | undefined): void {
    const passes = failure === undefined;
    if (passes === (this.#state.health === 'passing')) {
      this.#against = 0;
      // Why it still fails is worth knowing here; the controller hears of changes only.
      if (failure !== undefined) this.#state = { health: 'failing', healthReason: failure };
      return;
    }
    this.#against++;
    if (this.#against < (passes ? this.#check.successes : this.#check.failures)) return;
    this.#against = 0;
    this.#state = passes ? { health: 'passing', healthReason: '' } : { health: 'failing', healthReason: failure };
    this.#onChange();
  }
}
