import type { Command } from 'commander';
import { Snapshot, VerifySnapshotRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { snapshotJson, snapshotText } from '../views/snapshot-view.js';

const PATIENCE_MS = 3_600_000;

/** `ncadm snapshot verify`: reads a snapshot whole, where the controller keeps it. */
export function addSnapshotVerify(parent: Command, session: Session): void {
  parent
    .command('verify')
    .description('read a snapshot from its first byte to its last, where the controller keeps it')
    .argument('[name]', 'as "ncadm snapshot list" tells it; the newest when left out', '')
    .addHelpText('after', examples('ncadm snapshot verify'))
    .action(
      session.remote<object, [string]>(async ({ api, output }, name) => {
        const { snapshot = Snapshot.create() } = await api.call('verifySnapshot', VerifySnapshotRequest.create({ name }), PATIENCE_MS);
        output.result(snapshotJson(snapshot), () => `whole: ${snapshotText(snapshot)}`);
      }),
    );
}
