import { Argument, type Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../../platform/completion-script.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `nc-client completion`: what a shell needs to complete `nc-client`'s words. */
export function addCompletion(parent: Command, session: Session): void {
  parent
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', examples('source <(nc-client completion bash)', 'nc-client completion fish > ~/.config/fish/completions/nc-client.fish'))
    .action(session.plain<object, [string]>(({ io }, shell) => void io.stdout.write(completionScript(parent, shell as Shell))));
}
