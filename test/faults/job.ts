import { setTimeout as sleep } from 'node:timers/promises';
import { EtcdStore } from '../../src/server/store/etcd/etcd-store.js';
import { keys, ROOT } from '../../src/server/store/keys.js';
import { UnknownOutcome, type Leadership } from '../../src/server/store/store.js';
import type { LeaderWrite } from './history.js';
import type { World } from './world.js';

const ROLE = 'fault-suite';
/** As short as etcd grants one. */
const TTL_SECONDS = 2;
const PAUSE_MS = 40;

/** Wants to be the one that does a job, and writes all the time while it is; also once more when it is so no longer. */
export class Job {
  readonly writes: LeaderWrite[] = [];
  readonly #name: string;
  readonly #store: EtcdStore;
  readonly #running: Promise<void>;
  #ended = false;

  private constructor(name: string, store: EtcdStore) {
    this.#name = name;
    this.#store = store;
    this.#running = this.#run();
  }

  /** Starts one that asks the members through the proxies, another one of them first. */
  static async start({ cluster, proxies }: World, index: number): Promise<Job> {
    const endpoints = [...proxies.slice(index), ...proxies.slice(0, index)].map(({ port }) => `https://127.0.0.1:${port}`);
    return new Job(`job ${index}`, await EtcdStore.open({ ...cluster.options(), endpoints, requestTimeoutMs: 500 }));
  }

  async stop(): Promise<void> {
    this.#ended = true;
    await this.#store.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#ended) {
      try {
        await this.#lead(await this.#store.campaign(ROLE, this.#name, TTL_SECONDS));
      } catch {
        // Without a majority nobody leads.
        await sleep(PAUSE_MS);
      }
    }
  }

  async #lead(leadership: Leadership): Promise<void> {
    let leads = true;
    void leadership.lost.then(() => (leads = false));
    // Others want to have their turn, too.
    for (let i = 0; i < 25 && leads && !this.#ended; i++) {
      await this.#write(leadership);
      await sleep(PAUSE_MS);
    }
    if (leads) await leadership.resign();
    // As one would that was paused in the middle and does not know yet.
    await this.#write(leadership);
  }

  async #write({ fence }: Leadership): Promise<void> {
    if (!('modRev' in fence)) throw new Error('a fence names the revision of its role');
    try {
      const { ok, rev } = await this.#store.txn({ if: [fence], then: [{ put: `${ROOT}lead-work/${this.#name}`, value: Buffer.from(fence.key) }] });
      if (ok) this.writes.push({ leader: this.#name, key: keys.lead(ROLE), since: fence.modRev, rev });
    } catch (error) {
      // It may be there or not; what is not acknowledged is no word given.
      if (!(error instanceof UnknownOutcome)) throw error;
    }
  }
}
