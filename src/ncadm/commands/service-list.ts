import type { Command } from 'commander';
import { examples } from '../../platform/run-command.js';
import { listServices } from '../service-target.js';
import type { Session } from '../session.js';
import { serviceColumns, serviceJson } from '../views/service-view.js';

interface Options {
  readonly network?: string;
  readonly name?: string;
}

/** `ncadm service list`: every instance of every service, one line each. */
export function addServiceList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the services')
    .option('--network <name>', 'only those of this network')
    .option('--name <name>', 'only instances of this name')
    .addHelpText('after', examples('ncadm service list', 'ncadm service list --name registry -o wide'))
    .action(
      session.remote<Options, []>(async ({ api, output, options, nowMs }) => {
        const services = await listServices(api, { network: options.network ?? '', name: options.name ?? '' });
        output.table(services.map(serviceJson), serviceColumns(output.colors, nowMs), services);
      }),
    );
}
