import type { Command } from 'commander';
import { contextNamed, readContexts, writeContexts } from '../context-file.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm context use`: makes a context the one that is asked from now on. */
export function addContextUse(parent: Command, session: Session): void {
  parent
    .command('use')
    .description('ask this controller from now on')
    .argument('<name>', 'one of "ncadm context list"; "local" is the admin socket of this machine')
    .addHelpText('after', examples('ncadm context use prod', 'ncadm context use local'))
    .action(
      session.local<object, [string]>(async ({ io, output }, name) => {
        const known = await readContexts(io.env);
        await writeContexts(io.env, { ...known, current: contextNamed(known, name)?.name ?? '' });
        output.result({ current: name }, () => `ncadm asks ${name} from now on`);
      }),
    );
}
