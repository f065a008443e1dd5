import type { Clock } from '../platform/clock.js';

/** How often the way to a relay is measured, in ms. */
const MEASURE_MS = 30_000;
/** Measurements that count; the shortest is the way, what is longer was busy machines. */
const KEPT = 3;

/** Measures how far relays are, as long as there is a choice. */
export class RelayMeter {
  readonly #clock: Clock;
  readonly #measure: (endpoint: string) => Promise<number | undefined>;
  readonly #onMeasured: () => void;
  readonly #measuring = new Set<string>();
  readonly #samples = new Map<string, number[]>();
  #endpoints: ReadonlyMap<string, string> = new Map();
  #cancel: (() => void) | undefined;

  /** @param deps `measure` gives the time to an endpoint and back, µs; undefined without an answer. Never rejects. */
  constructor(deps: { readonly clock: Clock; measure(endpoint: string): Promise<number | undefined>; onMeasured(): void }) {
    this.#clock = deps.clock;
    this.#measure = (endpoint) => deps.measure(endpoint);
    this.#onMeasured = () => deps.onMeasured();
  }

  /** The shortest way to a relay of late, µs; undefined while it does not answer. */
  rttUs(name: string): number | undefined {
    const samples = this.#samples.get(name);
    return samples === undefined ? undefined : Math.min(...samples);
  }

  /** Takes the relays that there are now, by name, with their endpoints. */
  set(endpoints: ReadonlyMap<string, string>): void {
    const isSame = endpoints.size === this.#endpoints.size && [...endpoints].every(([name, endpoint]) => this.#endpoints.get(name) === endpoint);
    if (isSame) return;
    this.#endpoints = endpoints;
    for (const name of this.#samples.keys()) if (!endpoints.has(name)) this.#samples.delete(name);
    this.#cancel?.();
    this.#cancel = endpoints.size === 0 ? undefined : this.#clock.every(MEASURE_MS, () => this.measureAll());
    this.measureAll();
  }

  /** Measures one relay now, unless that is being done. */
  measure(name: string): void {
    const endpoint = this.#endpoints.get(name);
    if (endpoint !== undefined && !this.#measuring.has(name)) void this.#take(name, endpoint);
  }

  /** Measures now: this machine may be somewhere else. */
  measureAll(): void {
    for (const [name, endpoint] of this.#endpoints) void this.#take(name, endpoint);
  }

  stop(): void {
    this.#cancel?.();
    this.#endpoints = new Map();
  }

  async #take(name: string, endpoint: string): Promise<void> {
    this.#measuring.add(name);
    const rttUs = await this.#measure(endpoint).finally(() => this.#measuring.delete(name));
    if (this.#endpoints.get(name) !== endpoint) return;
    if (rttUs === undefined) this.#samples.delete(name);
    else this.#samples.set(name, [...(this.#samples.get(name) ?? []), Math.max(1, Math.round(rttUs))].slice(-KEPT));
    this.#onMeasured();
  }
}
