import type { Command } from 'commander';
import { examples } from '../../platform/run-command.js';
import { findServices } from '../service-target.js';
import type { Session } from '../session.js';
import { describeFields } from '../views/fields-view.js';
import { serviceJson } from '../views/service-view.js';

/** `ncadm service show`: all that is known of a service's instances. */
export function addServiceShow(parent: Command, session: Session): void {
  parent
    .command('show')
    .description('show a service with all its instances')
    .argument('<service>', 'its name, or the id of one instance')
    .option('--network <name>', 'look in this network only')
    .addHelpText('after', examples('ncadm service show registry', 'ncadm service show registry -o json'))
    .action(
      session.remote<{ readonly network?: string }, [string]>(async ({ api, output, options }, target) => {
        const services = (await findServices(api, target, options.network)).map(serviceJson);
        output.result(services, () => services.map((service) => describeFields(output.colors, service)).join('\n'));
      }),
    );
}
