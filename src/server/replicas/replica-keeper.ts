import { ReplicaRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { Turns } from '../../platform/turns.js';
import { keys } from '../store/keys.js';
import type { Lease } from '../store/store.js';

/** A server that is not heard of for so long is gone. */
const TTL_SECONDS = 10;
const RENEW_MS = 3_000;
/** The load is told this often; being there costs no write. */
const TELL_MS = 30_000;

/** What {@link ReplicaKeeper} works with. */
export interface KeeperDeps {
  lease(ttlSeconds: number): Promise<Lease>;
  /** The server as it is now. */
  describe(): ReplicaRecord;
  /** Called before the load is told. */
  measure(): void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps the record by which the other servers, agents and admins know of this server. It goes when this process does, and comes back when
 * etcd was away for longer than the lease.
 */
export class ReplicaKeeper {
  readonly #deps: KeeperDeps;
  readonly #cancel: () => void;
  #lease: Lease | undefined;
  #told = '';
  #toldAtMs = Number.NEGATIVE_INFINITY;
  readonly #turns = new Turns();
  #stopped = false;

  private constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#cancel = deps.clock.every(RENEW_MS, () => void this.refresh());
  }

  /** Writes the record, and keeps it. */
  static async start(deps: KeeperDeps): Promise<ReplicaKeeper> {
    const keeper = new ReplicaKeeper(deps);
    await keeper.refresh();
    return keeper;
  }

  /** Renews the lease, and tells what has changed. Resolves when that is done, or has failed and will be tried again. */
  refresh(): Promise<void> {
    return this.#turns.take(() => this.#once());
  }

  /** Takes the record away. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#turns.done();
    await this.#lease?.end().catch((error: unknown) => this.#deps.log.info('the record of this server is left to its lease', { error: String(error) }));
  }

  async #once(): Promise<void> {
    if (this.#stopped) return;
    try {
      const isThere = this.#lease !== undefined && (await this.#lease.renew());
      if (!isThere) await this.#begin();
      if (!isThere || this.#isDue()) await this.#tell();
    } catch (error) {
      this.#deps.log.warn('cannot tell the other servers of this one, and will try again', { error: String(error) });
    }
  }

  async #begin(): Promise<void> {
    this.#lease = undefined;
    this.#lease = await this.#deps.lease(TTL_SECONDS);
  }

  #isDue(): boolean {
    return performance.now() - this.#toldAtMs >= TELL_MS || worthTelling(this.#deps.describe()) !== this.#told;
  }

  async #tell(): Promise<void> {
    this.#deps.measure();
    const record = this.#deps.describe();
    await this.#lease?.put(keys.replica(record.id), ReplicaRecord.encode(record).finish());
    this.#told = worthTelling(record);
    this.#toldAtMs = performance.now();
  }
}

/** What others must know at once: all but the load. */
function worthTelling(record: ReplicaRecord): string {
  return JSON.stringify({ ...record, appliedRevision: '', agents: 0, cpuPercent: 0 });
}
