import type { Command } from 'commander';
import { UnregisterNodeRequest } from '../../gen/networkcontroller/v1/admin.js';
import { confirm } from '../confirm.js';
import { findNode } from '../node-target.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { nodeJson } from '../views/node-view.js';

interface Options {
  readonly network?: string;
  readonly yes?: boolean;
}

/** `ncadm node unregister`: ends a node's membership and frees its address. */
export function addNodeUnregister(parent: Command, session: Session): void {
  parent
    .command('unregister')
    .description('end a node\'s membership: its tunnel is cut, its address freed')
    .argument('<node>', 'its id, name or node token')
    .option('--network <name>', 'look in this network only')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm node unregister web-1 --yes'))
    .action(
      session.remote<Options, [string]>(async ({ api, io, output, options }, target) => {
        const node = await findNode(api, target, options.network);
        await confirm(io, `Unregister ${node.name} (${node.bindIp}, network ${node.network})? It must join again to come back.`, options);
        await api.call('unregisterNode', UnregisterNodeRequest.create({ node: node.id, network: node.network }));
        output.result(nodeJson(node), () => `Node ${node.name} unregistered; ${node.bindIp || 'it had no address'} rests before it is given out again`);
      }),
    );
}
