import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { Turns } from '../../platform/turns.js';
import type { Manifest } from './manifest.js';
import type { Retention } from './retention.js';
import type { Snapshots } from './snapshots.js';

/** What {@link SnapshotSchedule} works with. */
export interface ScheduleDeps {
  readonly snapshots: Snapshots;
  /** Takes one. */
  readonly save: () => Promise<Manifest>;
  readonly clusterId: string;
  /** Of the cluster: a snapshot of another one is none that a journal fits on. */
  readonly epoch: string;
  readonly everyMs: number;
  readonly retention: Retention;
  readonly clock: Clock;
  readonly log: Log;
}

/** The target is asked this often whether one is due: how long ago the last was is written there and nowhere else. */
const LOOK_MS = 10 * 60_000;

/** Takes a snapshot when the newest one is old enough, and then lets go of those that need not be kept. */
export class SnapshotSchedule {
  readonly #deps: ScheduleDeps;
  readonly #cancel: () => void;
  readonly #turns = new Turns();

  constructor(deps: ScheduleDeps) {
    this.#deps = deps;
    this.#cancel = deps.everyMs === 0 ? () => {} : deps.clock.every(Math.min(LOOK_MS, deps.everyMs), () => void this.look());
  }

  /** Takes one if it is due; one under way is waited for first. */
  look(): Promise<void> {
    return this.#turns.take(() => this.#once());
  }

  async stop(): Promise<void> {
    this.#cancel();
    await this.#turns.done();
  }

  async #once(): Promise<void> {
    const { snapshots, save, clusterId, epoch, everyMs, retention, clock, log } = this.#deps;
    try {
      const newest = (await snapshots.list()).find((manifest) => manifest.clusterId === clusterId && manifest.epoch === epoch);
      if (newest !== undefined && clock.now() - newest.createdAtMs < everyMs) return;
      const { name, revision, records, bytes } = await save();
      const gone = await snapshots.prune(clusterId, retention);
      log.info('snapshot taken', { name, revision: revision.toString(), records, bytes, removed: gone });
    } catch (error) {
      log.error('no snapshot taken, will be tried again', { error: String(error) });
    }
  }
}
