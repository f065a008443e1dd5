import type { Command } from 'commander';
import { AdminServiceWatchServicesRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import { listServices } from '../service-target.js';
import type { Session } from '../session.js';
import { serviceColumns, serviceEventJson, serviceEventText, serviceJson } from '../views/service-view.js';

interface Options {
  readonly network?: string;
  readonly name?: string;
  readonly type?: string;
  readonly channel?: string;
  readonly watch?: boolean;
}

/** `ncadm service list`: every instance of every service, one line each. */
export function addServiceList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the services')
    .option('--network <name>', 'only those of this network')
    .option('--name <name>', 'only instances of this name')
    .option('--type <type>', 'only those of this component type')
    .option('--channel <channel>', 'only those of this channel')
    .option('--watch', 'then go on with each change as it happens, until interrupted')
    .addHelpText('after', examples('ncadm service list', 'ncadm service list --name registry -o wide', 'ncadm service list --watch'))
    .action(
      session.remote<Options, []>(async ({ api, output, options, nowMs }) => {
        const { network = '', name = '', type = '', channel = '' } = options;
        if (options.watch === true) {
          const request = AdminServiceWatchServicesRequest.fromPartial({ network, filter: { name, type, channel } });
          for await (const event of api.watchServices(request)) output.item(serviceEventJson(event), () => serviceEventText(output.colors, event));
          return;
        }
        const services = await listServices(api, { network, name, type, channel });
        output.table(services.map(serviceJson), serviceColumns(output.colors, nowMs), services);
      }),
    );
}
