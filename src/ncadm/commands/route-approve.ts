import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { EXIT_ROUTE, parseOfferedRoute } from '../../domain/route.js';
import { ApproveRouteRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import { findNode } from '../node-target.js';
import { asOption } from '../options.js';
import type { Session } from '../session.js';
import { routeJson } from '../views/route-view.js';

/** `ncadm route approve`: lets the other nodes send what is for a prefix through the node that offers it. */
export function addRouteApprove(parent: Command, session: Session): void {
  parent
    .command('approve')
    .description('let the other nodes reach a network through the node that offers it')
    .argument('<node>', 'its id, name or node token')
    .argument('<prefix>', 'as the node offers it, 192.168.7.0/24; 0.0.0.0/0 makes it an exit for nodes that choose it', asOption((text) => parseOfferedRoute(text, 'prefix')))
    .option('--network <name>', 'look in this network only')
    .addHelpText('after', examples('ncadm route approve office-gw 192.168.7.0/24', 'ncadm route approve exit-1 0.0.0.0/0'))
    .action(
      session.remote<{ readonly network?: string }, [string, string]>(async ({ api, output, options }, target, prefix) => {
        const { id, network } = await findNode(api, target, options.network);
        const { route } = await api.call('approveRoute', ApproveRouteRequest.create({ node: id, network, prefix }));
        if (route === undefined) throw new DomainError('internal', 'the controller approved a route and did not say which');
        output.result(routeJson(route), () => (prefix === EXIT_ROUTE ? `Nodes with redirectGateway: ${route.nodeName} leave through it now` : `The nodes of network ${route.network} reach ${prefix} through ${route.nodeName} now`));
      }),
    );
}
