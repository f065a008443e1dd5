import type { Command } from 'commander';
import { findNode } from '../node-target.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { describeFields } from '../views/fields-view.js';
import { nodeJson } from '../views/node-view.js';

/** `ncadm node show`: all that is known of one node. */
export function addNodeShow(parent: Command, session: Session): void {
  parent
    .command('show')
    .description('show one node')
    .argument('<node>', 'its id, name or node token')
    .option('--network <name>', 'look in this network only')
    .addHelpText('after', examples('ncadm node show web-1', 'ncadm node show web-1 -o yaml'))
    .action(
      session.remote<{ readonly network?: string }, [string]>(async ({ api, output, options }, target) => {
        const node = nodeJson(await findNode(api, target, options.network));
        output.result(node, () => describeFields(output.colors, node));
      }),
    );
}
