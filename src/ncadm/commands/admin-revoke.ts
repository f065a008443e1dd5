import type { Command } from 'commander';
import { RevokeAdminRequest } from '../../gen/networkcontroller/v1/admin.js';
import { confirm } from '../confirm.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { adminJson } from '../views/admin-view.js';

/** `ncadm admin revoke`: refuses an admin's certificates from the next request on. */
export function addAdminRevoke(parent: Command, session: Session): void {
  parent
    .command('revoke')
    .description('refuse the certificates of an admin, or one of them')
    .argument('<admin>', 'a name for all of its certificates, or a serial')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm admin revoke alice --yes'))
    .action(
      session.remote<{ readonly yes?: boolean }, [string]>(async ({ api, io, output, options }, admin) => {
        await confirm(io, `Revoke the certificates of ${admin}?`, options);
        const { admins } = await api.call('revokeAdmin', RevokeAdminRequest.create({ admin }));
        output.result(admins.map(adminJson), () => admins.map(({ name, serial }) => `Certificate ${serial} of ${name} revoked`).join('\n'));
      }),
    );
}
