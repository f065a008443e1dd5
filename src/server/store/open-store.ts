import type { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { CommittedBatch } from './commit-queue.js';
import { DEFAULT_HISTORY, horizon, type HistoryPolicy } from './history.js';
import type { Repository } from './local-view.js';
import { StoreRepository } from './repository.js';
import { SqliteStore } from './sqlite-store.js';
import { SqliteView } from './sqlite-view.js';
import type { Lease, Store } from './store.js';

/** An open store and the ways to use it. */
export interface OpenStore {
  /** The SQLite file that is read here: the store's own, or the copy that follows it. Others may read it, and nobody else write it. */
  readonly file: string;
  readonly store: Store;
  readonly repository: Repository;
  /** Resolves when nothing can be written any more: end the process, so that a supervisor starts it afresh. Reads go on till then. */
  readonly failed: Promise<DomainError>;
  /** Milliseconds by which reads may be behind, because the engine has not been heard of since; 0 where it is in this process. */
  staleMs(): number;
  /** Makes keys that tell the other servers of this one; left out where there are none. @throws DomainError `store_failed`. */
  lease?(ttlSeconds: number): Promise<Lease>;
  /** Forgets the history that `policy` lets go, for a job to call now and then. Gives the newest revision that is forgotten. */
  forgetHistory(policy?: HistoryPolicy): Promise<bigint>;
  /** Waits for what is being written, then closes the file. */
  close(): Promise<void>;
}

/** What a store is opened with. */
export interface StoreOptions {
  readonly file: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every batch of transactions that was committed. */
  readonly onCommit?: ((batch: CommittedBatch) => void) | undefined;
}

/**
 * Opens the store in the SQLite file `file`; makes it (0600) and its folder (0700) when absent, and brings an older schema up to date.
 *
 * @throws DomainError `store_failed`: the file is no store, cannot be written, is open in another process, or has a newer schema.
 */
export async function openStore({ file, clock, log, onCommit }: StoreOptions): Promise<OpenStore> {
  const store = await SqliteStore.open(file, clock, log, onCommit);
  const repository = new StoreRepository(store, new SqliteView(store.snapshot), store.feed);
  return {
    file,
    store,
    repository,
    failed: store.failed,
    staleMs: () => 0,
    async forgetHistory(policy = DEFAULT_HISTORY) {
      const rev = horizon(store.snapshot.log, store.feed.rev, policy, clock.now());
      if (rev > store.snapshot.log.compactRev) await store.compact(rev);
      return rev;
    },
    close: () => store.close(),
  };
}
