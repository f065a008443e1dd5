import type { Command } from 'commander';
import { RemoveServiceRequest } from '../../gen/networkcontroller/v1/admin.js';
import { confirm } from '../confirm.js';
import { examples } from '../../platform/run-command.js';
import { findService } from '../service-target.js';
import type { Session } from '../session.js';
import { serviceJson } from '../views/service-view.js';

interface Options {
  readonly network?: string;
  readonly yes?: boolean;
}

/** `ncadm service remove`: takes one instance away; with the last one goes the name. */
export function addServiceRemove(parent: Command, session: Session): void {
  parent
    .command('remove')
    .description('remove one instance of a service')
    .argument('<service>', 'its id, or its name when it has one instance')
    .option('--network <name>', 'look in this network only')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm service remove registry --yes'))
    .action(
      session.remote<Options, [string]>(async ({ api, io, output, options }, target) => {
        const service = await findService(api, target, options.network);
        await confirm(io, `Remove service ${service.name} (${service.id}, network ${service.network})?`, options);
        await api.call('removeService', RemoveServiceRequest.create({ service: service.id, network: service.network }));
        output.result(serviceJson(service), () => `Service ${service.name} removed (${service.id})`);
      }),
    );
}
