import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { contextNamed, LOCAL_CONTEXT, readContexts, writeContexts } from '../context-file.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm context remove`: forgets a controller; its certificate and key stay where they are. */
export function addContextRemove(parent: Command, session: Session): void {
  parent
    .command('remove')
    .description('forget a controller; its certificate and key stay where they are')
    .argument('<name>', 'one of "ncadm context list"')
    .addHelpText('after', examples('ncadm context remove prod'))
    .action(
      session.local<object, [string]>(async ({ io, output }, name) => {
        const known = await readContexts(io.env);
        if (contextNamed(known, name) === undefined) throw new DomainError('invalid_argument', `context: ${LOCAL_CONTEXT} is the admin socket of this machine and stays`);
        const current = known.current === name ? '' : known.current;
        await writeContexts(io.env, { current, contexts: known.contexts.filter((each) => each.name !== name) });
        output.result({ removed: name, current: current || LOCAL_CONTEXT }, () => `Context ${name} is forgotten; ncadm asks ${current || LOCAL_CONTEXT}`);
      }),
    );
}
