import type { Command } from 'commander';
import { ActivateCaRequest } from '../../gen/networkcontroller/v1/admin.js';
import { caArgument, printStep, type CaStepOptions } from '../ca-options.js';
import { confirm } from '../confirm.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm ca activate`: lets the prepared generation of a CA sign. */
export function addCaActivate(parent: Command, session: Session): void {
  parent
    .command('activate')
    .description('let the prepared generation of a CA sign, once everybody knows it; on the server\'s host only')
    .addArgument(caArgument())
    .option('--compromised', 'the key that signs now is in the wrong hands: wait for nobody, end every session')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm ca activate grpc', 'ncadm ca activate grpc --compromised --yes'))
    .action(
      session.remote<CaStepOptions, [string]>(async (invocation, purpose) => {
        const { api, io, options } = invocation;
        const compromised = options.compromised === true;
        await confirm(io, question(purpose, compromised), options);
        const { status } = await api.call('activateCa', ActivateCaRequest.create({ purpose, compromised }));
        printStep(invocation, status, `The ${purpose} CA signs with its new generation`);
      }),
    );
}

function question(purpose: string, compromised: boolean): string {
  const who = compromised ? ' Nodes that do not know it yet lose the controller until they have followed; every session ends, join strings of before are worthless.' : '';
  return `Let the prepared generation of the ${purpose} CA sign from now on?${who}`;
}
