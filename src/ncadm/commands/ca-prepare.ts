import type { Command } from 'commander';
import { PrepareCaRequest } from '../../gen/networkcontroller/v1/admin.js';
import { caArgument, printStep } from '../ca-options.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';

/** `ncadm ca prepare`: makes the next generation of a CA and lets everybody know it; it signs nothing yet. */
export function addCaPrepare(parent: Command, session: Session): void {
  parent
    .command('prepare')
    .description('make the next generation of a CA and let every node know it; on the server\'s host only')
    .addArgument(caArgument())
    .addHelpText('after', examples('ncadm ca prepare grpc', 'ncadm ca prepare network && ncadm ca status'))
    .action(
      session.remote<object, [string]>(async (invocation, purpose) => {
        const { status } = await invocation.api.call('prepareCa', PrepareCaRequest.create({ purpose }));
        printStep(invocation, status, `The next generation of the ${purpose} CA is made; nodes learn of it now, it signs nothing yet`);
      }),
    );
}
