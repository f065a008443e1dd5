import type { Command } from 'commander';
import { ListRoutesRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { routeColumns, routeJson } from '../views/route-view.js';

/** `ncadm route list`: every prefix that nodes offer a way to, one line each. */
export function addRouteList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the networks that nodes offer a way to: active ones are in use, waiting ones want "ncadm route approve"')
    .option('--network <name>', 'only those of this network')
    .addHelpText('after', examples('ncadm route list', "ncadm route list -o json | jq -r '.[] | select(.state == \"waiting\").prefix'"))
    .action(
      session.remote<{ readonly network?: string }, []>(async ({ api, output, options }) => {
        const { routes } = await api.call('listRoutes', ListRoutesRequest.create({ network: options.network ?? '' }));
        output.table(routes.map(routeJson), routeColumns(output.colors), routes);
      }),
    );
}
