import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { Caller } from '../auth/caller.js';
import { auditOperation } from '../services/audit.js';
import type { Repository } from '../store/local-view.js';
import type { Store } from '../store/store.js';
import type { Manifest } from './manifest.js';
import type { Snapshots } from './snapshots.js';

/** Snapshots of the store that this server serves. */
export class SnapshotTaking {
  readonly #snapshots: Snapshots;
  readonly #store: Store;
  readonly #repository: Repository;
  readonly #clock: Clock;

  constructor(deps: { snapshots: Snapshots; store: Store; repository: Repository; clock: Clock }) {
    this.#snapshots = deps.snapshots;
    this.#store = deps.store;
    this.#repository = deps.repository;
    this.#clock = deps.clock;
  }

  /** @throws DomainError `snapshot_failed`, `snapshot_invalid`. */
  async save(): Promise<Manifest> {
    const cluster = this.#repository.view.cluster()?.value;
    if (cluster === undefined) throw new DomainError('not_initialised', 'store: holds no cluster; there is nothing to keep');
    return this.#snapshots.save(this.#store, { clusterId: cluster.id, epoch: cluster.epoch, createdAtMs: this.#clock.now() });
  }

  /** As {@link save}, with a word in the audit log. */
  async saveFor(caller: Caller): Promise<Manifest> {
    const manifest = await this.save();
    await this.#repository.update(() => ({
      if: [],
      then: [auditOperation(caller, { object: `snapshot/${manifest.name}`, method: 'SaveSnapshot' }, this.#clock.now())],
      result: undefined,
    }));
    return manifest;
  }
}
