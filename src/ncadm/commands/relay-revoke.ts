import type { Command } from 'commander';
import { RevokeRelayRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import { confirm } from '../confirm.js';
import type { Session } from '../session.js';
import { relayJson } from '../views/relay-view.js';

/** `ncadm relay revoke`: ends a relay, or takes an invitation back. */
export function addRelayRevoke(parent: Command, session: Session): void {
  parent
    .command('revoke')
    .description('refuse a relay from now on and take it out of all maps')
    .argument('<name>', 'the relay')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm relay revoke paris --yes'))
    .action(
      session.remote<{ readonly yes?: boolean }, [string]>(async ({ api, io, output, options }, name) => {
        await confirm(io, `Revoke relay ${name}? What goes over it moves to other relays.`, options);
        const { relay } = await api.call('revokeRelay', RevokeRelayRequest.create({ name }));
        output.result(relay && relayJson(relay), () => `relay ${name} revoked`);
      }),
    );
}
