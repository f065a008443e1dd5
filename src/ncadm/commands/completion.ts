import { Argument, type Command } from 'commander';
import { completionScript, SHELLS, type Shell } from '../../platform/completion-script.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm completion`: what a shell needs to complete `ncadm`'s words. */
export function addCompletion(parent: Command, session: Session): void {
  parent
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', examples('source <(ncadm completion bash)', 'ncadm completion zsh > "${fpath[1]}/_ncadm"', 'ncadm completion fish > ~/.config/fish/completions/ncadm.fish'))
    .action(session.local<object, [string]>(({ io }, shell) => void io.stdout.write(completionScript(parent, shell as Shell))));
}
