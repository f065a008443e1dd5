import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import { withControlList, type KnownEndpoints } from './state/known-endpoints.js';
import { LazyWriter } from './state/lazy-writer.js';
import type { StateFolder } from './state/state-folder.js';

/** Remembers over restarts where controllers and peers were reached: hints, none of which is trusted. */
export class EndpointMemory {
  readonly #writer: LazyWriter;
  #known: KnownEndpoints;

  constructor(state: StateFolder, clock: Clock, log: Log) {
    this.#known = state.knownEndpoints();
    this.#writer = new LazyWriter(clock, log, () => state.saveKnownEndpoints(this.#known));
  }

  /** Control endpoints, the best guess first; the one that worked last is {@link lastControl}. */
  get control(): readonly string[] {
    return this.#known.control.flat();
  }

  get lastControl(): string {
    return this.#known.lastControl;
  }

  /** Node id → the direct endpoint that worked last. */
  get direct(): Readonly<Record<string, string>> {
    return this.#known.direct;
  }

  /** The UDP port that the interface had last, or 0. */
  get listenPort(): number {
    return this.#known.listenPort;
  }

  /** Node ids of the peers that were in use. */
  get awake(): readonly string[] {
    return this.#known.awake;
  }

  areAwake(nodeIds: readonly string[]): void {
    this.#change({ ...this.#known, awake: nodeIds });
  }

  listensOn(port: number): void {
    this.#change({ ...this.#known, listenPort: port });
  }

  /** The controller has named these. */
  controlNamed(list: readonly string[]): void {
    this.#change(withControlList(this.#known, list));
  }

  controlWorked(endpoint: string): void {
    this.#change({ ...this.#known, lastControl: endpoint });
  }

  directWorked(nodeId: string, endpoint: string): void {
    this.#change({ ...this.#known, direct: { ...this.#known.direct, [nodeId]: endpoint } });
  }

  /** Forgets peers that are gone. */
  keepDirectOf(isThere: (nodeId: string) => boolean): void {
    const kept = Object.entries(this.#known.direct).filter(([nodeId]) => isThere(nodeId));
    this.#change({ ...this.#known, direct: Object.fromEntries(kept) });
  }

  flush(): void {
    this.#writer.flush();
  }

  #change(next: KnownEndpoints): void {
    if (JSON.stringify(next) === JSON.stringify(this.#known)) return;
    this.#known = next;
    this.#writer.touch();
  }
}
