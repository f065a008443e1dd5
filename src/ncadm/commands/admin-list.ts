import type { Command } from 'commander';
import { ListAdminsRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { adminColumns, adminJson } from '../views/admin-view.js';

/** `ncadm admin list`: every admin certificate that has not ended by itself. */
export function addAdminList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the certificates of admins')
    .addHelpText('after', examples('ncadm admin list'))
    .action(
      session.remote<object, []>(async ({ api, output, nowMs }) => {
        const { admins } = await api.call('listAdmins', ListAdminsRequest.create());
        output.table(admins.map(adminJson), adminColumns(output.colors, nowMs), admins);
      }),
    );
}
