import type { Command } from 'commander';
import { examples } from '../../platform/run-command.js';
import { CONFIG_OPTION, workOnServerFiles, type ServerFilesOptions } from '../server-files.js';
import type { Session } from '../session.js';

/** `ncadm store doctor`: looks at the store on the server's host, the server running or not. */
export function addStoreDoctor(parent: Command, session: Session): void {
  parent
    .command('doctor')
    .description('look at the store and its disk, and say what to do; the server may run')
    .option(...CONFIG_OPTION)
    .addHelpText('after', examples('ncadm store doctor --config /etc/nc/server.yml'))
    .action(session.local<ServerFilesOptions, []>(({ output, options }) => workOnServerFiles(output, options, ['store', 'doctor'])));
}
