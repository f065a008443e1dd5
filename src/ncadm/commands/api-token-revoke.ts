import type { Command } from 'commander';
import { RevokeApiTokenRequest } from '../../gen/networkcontroller/v1/admin.js';
import { confirm } from '../confirm.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { apiTokenJson } from '../views/api-token-view.js';

/** `ncadm api-token revoke`: refuses a token from the next request on. */
export function addApiTokenRevoke(parent: Command, session: Session): void {
  parent
    .command('revoke')
    .description('refuse a token for the HTTPS interface from now on')
    .argument('<id>', 'the token id')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm api-token revoke 3f0c9a6be1d24c55 --yes'))
    .action(
      session.remote<{ readonly yes?: boolean }, [string]>(async ({ api, io, output, options }, id) => {
        await confirm(io, `Revoke API token ${id}? What it registered stays until its lease ends.`, options);
        const { token } = await api.call('revokeApiToken', RevokeApiTokenRequest.create({ id }));
        output.result(token && apiTokenJson(token), () => `API token ${id} revoked`);
      }),
    );
}
