import type { Command } from 'commander';
import { SaveSnapshotRequest, Snapshot } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { snapshotJson, snapshotText } from '../views/snapshot-view.js';

/** A large store takes a while to be written and read back. */
const PATIENCE_MS = 3_600_000;

/** `ncadm snapshot save`: a snapshot of all records, read back before it is told of. */
export function addSnapshotSave(parent: Command, session: Session): void {
  parent
    .command('save')
    .description('take a snapshot of all records, and read it back from where it is stored')
    .addHelpText('after', examples('ncadm snapshot save'))
    .action(
      session.remote<object, []>(async ({ api, output }) => {
        const { snapshot = Snapshot.create() } = await api.call('saveSnapshot', SaveSnapshotRequest.create(), PATIENCE_MS);
        output.result(snapshotJson(snapshot), () => snapshotText(snapshot));
        output.note('The keys of the CAs are not in it: see docs/snapshots.md for what else to keep.');
      }),
    );
}
