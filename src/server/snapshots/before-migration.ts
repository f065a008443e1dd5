import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { openOldStore } from '../store/schema-change.js';
import type { Snapshots } from './snapshots.js';

/**
 * Keeps what an older version left before its tables are changed: a change of tables has no way back.
 *
 * @returns For the opening of the store's file; it throws DomainError `snapshot_failed`, `snapshot_invalid`, and then nothing is changed.
 */
export function snapshotBeforeMigration({ snapshots, clock, log }: { snapshots: Snapshots; clock: Clock; log: Log }): (file: string) => Promise<void> {
  return async (file) => {
    const old = openOldStore(file);
    if (old === undefined) return;
    try {
      if (old.cluster === undefined) return;
      const { id: clusterId, epoch } = old.cluster;
      const { name } = await snapshots.save(old, { clusterId, epoch, createdAtMs: clock.now() });
      log.info('snapshot taken before the tables are changed', { name, place: snapshots.place, from: old.from, to: old.to });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      throw new DomainError(error.code, `${error.message}. The tables are not changed without a snapshot of what they hold; --unsafe-no-snapshot starts regardless`, { cause: error });
    } finally {
      old.close();
    }
  };
}
