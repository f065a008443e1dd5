import type { Command } from 'commander';
import { RevokeNodeRequest } from '../../gen/networkcontroller/v1/admin.js';
import { confirm } from '../confirm.js';
import { findNode } from '../node-target.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { nodeJson } from '../views/node-view.js';

interface Options {
  readonly network?: string;
  readonly reason?: string;
  readonly yes?: boolean;
}

/** `ncadm node revoke`: unregisters a node and refuses its certificates and keys for good. */
export function addNodeRevoke(parent: Command, session: Session): void {
  parent
    .command('revoke')
    .description('unregister a node and refuse its certificates and keys for good')
    .argument('<node>', 'its id, name or node token')
    .option('--network <name>', 'look in this network only')
    .option('--reason <text>', 'why, for the event log')
    .option('--yes', 'do not ask')
    .addHelpText('after', examples('ncadm node revoke web-1 --reason "disk stolen" --yes'))
    .action(
      session.remote<Options, [string]>(async ({ api, io, output, options }, target) => {
        const node = await findNode(api, target, options.network);
        await confirm(io, `Revoke ${node.name} (${node.bindIp}, network ${node.network})? Its keys can never come back.`, options);
        await api.call('revokeNode', RevokeNodeRequest.create({ node: node.id, network: node.network, reason: options.reason ?? '' }));
        output.result(nodeJson(node), () => `Node ${node.name} revoked; its certificates are refused from now on`);
      }),
    );
}
