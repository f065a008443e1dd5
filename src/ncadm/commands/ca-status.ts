import type { Command } from 'commander';
import { GetCaStatusRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { caJson, caText } from '../views/ca-view.js';

/** `ncadm ca status`: both CAs, who knows them, and what the next step waits for. */
export function addCaStatus(parent: Command, session: Session): void {
  parent
    .command('status')
    .description('show both CAs, who knows them, and what the next step waits for')
    .addHelpText('after', examples('ncadm ca status', "ncadm ca status -o json | jq '.generations[].waitsFor'"))
    .action(
      session.remote<object, []>(async ({ api, output, nowMs }) => {
        const status = await api.call('getCaStatus', GetCaStatusRequest.create());
        output.result(caJson(status, nowMs), () => caText(output, status, nowMs));
      }),
    );
}
