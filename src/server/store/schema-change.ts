import { existsSync } from 'node:fs';
import { newestSchema } from './migrate.js';
import { RecordReader } from './record-reader.js';
import { keys } from './keys.js';
import { Snapshot } from './snapshot.js';
import type { Store } from './store.js';

/** A store file whose tables an older version of this program made, as that version left it. */
export interface OldStore extends Pick<Store, 'list'> {
  readonly from: number;
  readonly to: number;
  /** Whose store it is; undefined when it holds no cluster yet. */
  readonly cluster: { readonly id: string; readonly epoch: string } | undefined;
  close(): void;
}

/**
 * Opens the store in `file` for reading when its tables are to be changed before this program can use it; undefined when there is
 * nothing to change. Nothing is written.
 */
export function openOldStore(file: string): OldStore | undefined {
  if (!existsSync(file)) return undefined;
  const snapshot = openIfMade(file);
  if (snapshot === undefined) return undefined;
  const from = snapshot.db.pragma('user_version', { simple: true }) as number;
  const to = newestSchema();
  if (from >= to) {
    snapshot.close();
    return undefined;
  }
  return {
    from,
    to,
    cluster: new RecordReader(snapshot.db).at('cluster', keys.cluster())?.value,
    async *list(prefix, { pageSize = 1_000, onRevision } = {}) {
      onRevision?.(snapshot.rev);
      yield* snapshot.list(prefix, pageSize);
    },
    close: () => snapshot.close(),
  };
}

/** A file whose first start was cut short has no tables at all. */
function openIfMade(file: string): Snapshot | undefined {
  try {
    return new Snapshot(file);
  } catch {
    // Whatever is wrong with it, opening it for good will say.
    return undefined;
  }
}
