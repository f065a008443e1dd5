import type { AdminServiceService, Snapshot } from '../../gen/networkcontroller/v1/admin.js';
import type { Caller } from '../auth/caller.js';
import type { Manifest } from '../snapshots/manifest.js';
import type { Snapshots } from '../snapshots/snapshots.js';
import type { HandlersOf } from './handler.js';

/** What admins may do with snapshots while the server runs. */
export interface SnapshotUse extends Pick<Snapshots, 'list' | 'place' | 'verify'> {
  /** Takes one, and says who asked for it in the audit log. */
  saveFor(caller: Caller): Promise<Manifest>;
}

/** The part of `AdminService` that is about snapshots. */
export function snapshotHandlers(snapshots: SnapshotUse): Pick<HandlersOf<typeof AdminServiceService>, 'saveSnapshot' | 'listSnapshots' | 'verifySnapshot'> {
  return {
    saveSnapshot: async (_request, caller) => ({ snapshot: messageOf(await snapshots.saveFor(caller)) }),
    listSnapshots: async () => ({ snapshots: (await snapshots.list()).map(messageOf), place: snapshots.place }),
    verifySnapshot: async ({ name }) => ({ snapshot: messageOf(await snapshots.verify(name)) }),
  };
}

function messageOf(manifest: Manifest): Snapshot {
  return { ...manifest, counts: { ...manifest.counts } };
}
