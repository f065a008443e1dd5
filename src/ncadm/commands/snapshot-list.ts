import type { Command } from 'commander';
import { ListSnapshotsRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { snapshotColumns, snapshotJson } from '../views/snapshot-view.js';

/** `ncadm snapshot list`: what is at the controller's target. */
export function addSnapshotList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the snapshots at the controller\'s target, newest first')
    .addHelpText('after', examples('ncadm snapshot list', 'ncadm snapshot list -o wide'))
    .action(
      session.remote<object, []>(async ({ api, output }) => {
        const { snapshots, place } = await api.call('listSnapshots', ListSnapshotsRequest.create());
        output.table(snapshots.map(snapshotJson), snapshotColumns(), snapshots);
        output.note(`in ${place}`);
      }),
    );
}
