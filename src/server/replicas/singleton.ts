import type { Clock } from '../../platform/clock.js';
import type { Stoppable } from '../../platform/lifecycle.js';
import type { Log } from '../../platform/log.js';
import type { Repository } from '../store/local-view.js';
import type { Leadership } from '../store/store.js';
import { fencedRepository } from './fenced-repository.js';

/** What {@link Singleton} works with. */
export interface SingletonDeps {
  /** Of the job, as `ncadm status` shows it. */
  readonly role: string;
  readonly repository: Repository;
  /** Waits until this server leads. */
  campaign(): Promise<Leadership>;
  /** Begins the work; all that it writes goes through the repository that it is given. */
  start(repository: Repository): Stoppable;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long to wait after a campaign has failed, because the store is away. */
const RETRY_MS = 1_000;

/** Work that one server of the cluster does at a time: it begins when this server leads, and ends with the leadership. */
export class Singleton {
  readonly #deps: SingletonDeps;
  #held: { readonly leadership: Leadership; readonly repository: Repository; readonly work: Stoppable } | undefined;
  #stopped = false;
  #cancelRetry: () => void = () => {};

  constructor(deps: SingletonDeps) {
    this.#deps = deps;
    void this.#run();
  }

  /** The repository for writes as the leader; undefined while this server does not lead. */
  get repository(): Repository | undefined {
    return this.#held?.leadership.isHeld() === true ? this.#held.repository : undefined;
  }

  /** Ends the work and leaves it to another server. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRetry();
    const held = this.#held;
    await this.#end();
    await held?.leadership.resign().catch((error: unknown) => this.#deps.log.info('a leadership is left to its lease', { role: this.#deps.role, error: String(error) }));
  }

  async #run(): Promise<void> {
    const { role, campaign, clock, log } = this.#deps;
    while (!this.#stopped) {
      try {
        await this.#lead(await campaign());
      } catch (error) {
        if (this.#stopped) return;
        log.warn('cannot stand for a role, will be tried again', { role, error: String(error) });
        await new Promise<void>((resolve) => (this.#cancelRetry = resolving(clock.after(RETRY_MS, resolve), resolve)));
      }
    }
  }

  async #lead(leadership: Leadership): Promise<void> {
    const { role, repository, start, log } = this.#deps;
    if (this.#stopped) return leadership.resign();
    log.info('leads from now on', { role });
    const fenced = fencedRepository(repository, leadership);
    this.#held = { leadership, repository: fenced, work: start(fenced) };
    await leadership.lost;
    await this.#end();
    if (!this.#stopped) log.info('leads no longer', { role });
  }

  async #end(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    await held?.work.stop();
  }
}

/** Cancels a wait, and lets go whoever waits. */
function resolving(cancel: () => void, resolve: () => void): () => void {
  return () => {
    cancel();
    resolve();
  };
}
