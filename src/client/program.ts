import type { Command } from 'commander';
import { commandTree, examples, withPrintingOptions, type CommandIo } from '../platform/run-command.js';
import { addCompletion } from './commands/completion.js';
import { addDoctor } from './commands/doctor.js';
import { addDown } from './commands/down.js';
import { addJoin } from './commands/join.js';
import { addLeave } from './commands/leave.js';
import { addPing } from './commands/ping.js';
import { addResolve } from './commands/resolve.js';
import { addService } from './commands/service.js';
import { addStatus } from './commands/status.js';
import { addSupportBundle } from './commands/support-bundle.js';
import { addUp } from './commands/up.js';
import { addVersion } from './commands/version.js';
import type { Session } from './session.js';

/** Builds the tree of `nc-client`'s commands; each acts through `session`. */
export function buildProgram(session: Session, io: CommandIo): Command {
  const program = withPrintingOptions(commandTree('nc-client', io).option('-c, --config <file>', 'client.yml; without one, the defaults'))
    .description('The node agent of network-controller: joins this machine to an encrypted network and keeps it there.')
    .addHelpText('after', examples('nc-client join < join-string', 'nc-client status', 'nc-client ping web-1'));
  for (const add of [addJoin, addUp, addStatus, addPing, addResolve, addService, addDoctor, addSupportBundle, addDown, addLeave, addVersion, addCompletion]) add(program, session);
  return program;
}
