import type { Command } from 'commander';
import { RevokeTokenRequest } from '../../gen/networkcontroller/v1/admin.js';
import { confirm } from '../confirm.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { tokenJson } from '../views/token-view.js';

/** `ncadm token revoke`: no node joins with this token any more; those that did stay. */
export function addTokenRevoke(parent: Command, session: Session): void {
  parent
    .command('revoke')
    .description('refuse a bootstrap token from now on')
    .argument('<id>', 'the token id')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm token revoke 3f0c9a6be1d24c55 --yes'))
    .action(
      session.remote<{ readonly yes?: boolean }, [string]>(async ({ api, io, output, options }, id) => {
        await confirm(io, `Revoke token ${id}? Nobody can join with it any more.`, options);
        const { token } = await api.call('revokeToken', RevokeTokenRequest.create({ id }));
        output.result(token && tokenJson(token), () => `Token ${id} revoked; nodes that joined with it stay`);
      }),
    );
}
