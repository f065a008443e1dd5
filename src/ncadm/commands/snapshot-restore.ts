import type { Command } from 'commander';
import { examples } from '../../platform/run-command.js';
import { CONFIG_OPTION, workOnServerFiles, type ServerFilesOptions } from '../server-files.js';
import type { Session } from '../session.js';

interface Options extends ServerFilesOptions {
  readonly journal?: string;
  readonly acceptUnknownRevocations?: boolean;
}

/** `ncadm snapshot restore`: makes a cluster again in an empty store, on the server's host, with no server running. */
export function addSnapshotRestore(parent: Command, session: Session): void {
  parent
    .command('restore')
    .description('make a snapshot\'s cluster again in an empty store; on the server\'s host, with no server running')
    .argument('[snapshot]', 'its name at the target, or a file by its path; the newest when left out', '')
    .option(...CONFIG_OPTION)
    .option('--journal <file>', 'what was revoked after the snapshot (default: revocations.log in workDir)')
    .option('--accept-unknown-revocations', 'restore without knowing what was revoked after the snapshot')
    .addHelpText('after', examples('ncadm snapshot restore --config /etc/nc/server.yml', 'ncadm snapshot restore ./20260512T184111.000Z-r345-s1.ncsnap --journal ./revocations.log'))
    .action(
      session.local<Options, [string]>(async ({ output, options }, name) => {
        const { journal, acceptUnknownRevocations } = options;
        await workOnServerFiles(output, options, [
          ...['snapshot', 'restore', name],
          ...(journal === undefined ? [] : ['--journal', journal]),
          ...(acceptUnknownRevocations === true ? ['--accept-unknown-revocations'] : []),
        ]);
      }),
    );
}
