import { Argument, type Command } from 'commander';
import { RetireCaRequest } from '../../gen/networkcontroller/v1/admin.js';
import { caArgument, printStep, type CaStepOptions } from '../ca-options.js';
import { confirm } from '../confirm.js';
import { examples } from '../../platform/run-command.js';
import { wholeNumber } from '../options.js';
import type { Session } from '../session.js';

const MAX_GENERATION = 999_999;

/** `ncadm ca retire`: takes a generation that signs no more out of what nodes and controller believe. */
export function addCaRetire(parent: Command, session: Session): void {
  parent
    .command('retire')
    .description('stop believing a generation of a CA that signs no more; on the server\'s host only')
    .addArgument(caArgument())
    .addArgument(new Argument('<generation>', 'its number, see "ncadm ca status"').argParser(wholeNumber(1, MAX_GENERATION)))
    .option('--compromised', 'its key is in the wrong hands: do not wait for what it signed, end every session')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm ca retire grpc 1', 'ncadm ca retire network 1 --compromised --yes'))
    .action(
      session.remote<CaStepOptions, [string, number]>(async (invocation, purpose, generation) => {
        const { api, io, options } = invocation;
        const compromised = options.compromised === true;
        await confirm(io, question(purpose, generation, compromised), options);
        const { status } = await api.call('retireCa', RetireCaRequest.create({ purpose, generation, compromised }));
        printStep(invocation, status, `Generation ${generation} of the ${purpose} CA is retired; what it signed is refused`);
      }),
    );
}

function question(purpose: string, generation: number, compromised: boolean): string {
  const who = compromised ? ' Whoever still holds a certificate of it has to get another one first; every session ends.' : '';
  return `Retire generation ${generation} of the ${purpose} CA for good?${who}`;
}
