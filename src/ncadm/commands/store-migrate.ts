import type { Command } from 'commander';
import { examples } from '../../platform/run-command.js';
import { CONFIG_OPTION, workOnServerFiles, type ServerFilesOptions } from '../server-files.js';
import type { Session } from '../session.js';

/** `ncadm store migrate`: moves a cluster to another, empty store, with no server running. */
export function addStoreMigrate(parent: Command, session: Session): void {
  parent
    .command('migrate')
    .description('copy all records to the empty store of another configuration; no server may run')
    .option(...CONFIG_OPTION)
    .requiredOption('--to <file>', 'the configuration with the other store')
    .addHelpText('after', examples('ncadm store migrate --config server.yml --to server-etcd.yml'))
    .action(
      session.local<ServerFilesOptions & { readonly to: string }, []>(({ output, options }) =>
        workOnServerFiles(output, options, ['store', 'migrate', '--to', options.to]),
      ),
    );
}
