import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { parseOfferedRoute } from '../../domain/route.js';
import { RevokeRouteRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import { findNode } from '../node-target.js';
import { asOption } from '../options.js';
import type { Session } from '../session.js';
import { routeJson } from '../views/route-view.js';

/** `ncadm route revoke`: takes the approval of a prefix back. */
export function addRouteRevoke(parent: Command, session: Session): void {
  parent
    .command('revoke')
    .description('take the approval of a route back: no node sends anything that way any more')
    .argument('<node>', 'its id, name or node token')
    .argument('<prefix>', 'the approved prefix', asOption((text) => parseOfferedRoute(text, 'prefix')))
    .option('--network <name>', 'look in this network only')
    .addHelpText('after', examples('ncadm route revoke office-gw 192.168.7.0/24'))
    .action(
      session.remote<{ readonly network?: string }, [string, string]>(async ({ api, output, options }, target, prefix) => {
        const { id, network } = await findNode(api, target, options.network);
        const { route } = await api.call('revokeRoute', RevokeRouteRequest.create({ node: id, network, prefix }));
        if (route === undefined) throw new DomainError('internal', 'the controller revoked a route and did not say which');
        output.result(routeJson(route), () => `No node reaches ${prefix} through ${route.nodeName} any more`);
      }),
    );
}
