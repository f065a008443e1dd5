import { Command, Option } from 'commander';
import { OUTPUT_FORMATS } from '../platform/output.js';
import { addCompletion } from './commands/completion.js';
import { addDown } from './commands/down.js';
import { addJoin } from './commands/join.js';
import { addLeave } from './commands/leave.js';
import { addPing } from './commands/ping.js';
import { addResolve } from './commands/resolve.js';
import { addStatus } from './commands/status.js';
import { addUp } from './commands/up.js';
import { addVersion } from './commands/version.js';
import { examples, type CommandIo, type Session } from './session.js';

/** Builds the tree of `nc-client`'s commands; each acts through `session`. */
export function buildProgram(session: Session, io: CommandIo): Command {
  const program = new Command('nc-client')
    .description('The node agent of network-controller: joins this machine to an encrypted network and keeps it there.')
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => void io.stdout.write(text), writeErr: (text) => void io.stderr.write(text), outputError: () => {} })
    .option('-c, --config <file>', 'client.yml; without one, the defaults')
    .addOption(new Option('-o, --output <format>', 'how to print the result').choices(OUTPUT_FORMATS).default('table'))
    .option('--no-headers', 'leave the table\'s first line out')
    .addHelpText('after', examples('nc-client join < join-string', 'nc-client status', 'nc-client ping web-1'));
  for (const add of [addJoin, addUp, addStatus, addPing, addResolve, addDown, addLeave, addVersion, addCompletion]) add(program, session);
  return program;
}
