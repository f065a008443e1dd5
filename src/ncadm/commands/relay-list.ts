import type { Command } from 'commander';
import { ListRelaysRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { relayColumns, relayJson } from '../views/relay-view.js';

/** `ncadm relay list`: the relays beside the controller's own. */
export function addRelayList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description("list the relays beside the controller's own, with their state")
    .addHelpText('after', examples('ncadm relay list'))
    .action(
      session.remote<object, []>(async ({ api, output, nowMs }) => {
        const { relays } = await api.call('listRelays', ListRelaysRequest.create());
        output.table(relays.map(relayJson), relayColumns(output.colors, nowMs), relays);
      }),
    );
}
