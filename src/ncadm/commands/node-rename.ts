import type { Command } from 'commander';
import { DomainError } from '../../domain/errors.js';
import { parseNodeName } from '../../domain/names.js';
import { RenameNodeRequest } from '../../gen/networkcontroller/v1/admin.js';
import { findNode } from '../node-target.js';
import { examples } from '../../platform/run-command.js';
import { asOption } from '../options.js';
import type { Session } from '../session.js';
import { nodeJson } from '../views/node-view.js';

/** `ncadm node rename`: gives a node another name; its address and identity stay. */
export function addNodeRename(parent: Command, session: Session): void {
  parent
    .command('rename')
    .description('give a node another name; its address stays')
    .argument('<node>', 'its id, name or node token')
    .argument('<name>', 'the new name, a lower-case DNS label', asOption(parseNodeName))
    .option('--network <name>', 'look in this network only')
    .addHelpText('after', examples('ncadm node rename web-1 shop'))
    .action(
      session.remote<{ readonly network?: string }, [string, string]>(async ({ api, output, options }, target, name) => {
        const { id, name: before, network } = await findNode(api, target, options.network);
        const { node } = await api.call('renameNode', RenameNodeRequest.create({ node: id, network, name }));
        if (node === undefined) throw new DomainError('node_unknown', `node ${id} is gone`);
        output.result(nodeJson(node), () => `Node ${before} is now ${node.name} (${node.bindIp})`);
      }),
    );
}
