import { Option, type Command } from 'commander';
import { NodeState } from '../../gen/networkcontroller/v1/types.js';
import { listNodes } from '../node-target.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { inReadingOrder, nodeColumns, nodeJson } from '../views/node-view.js';

const STATES = { idle: NodeState.NODE_STATE_IDLE, init: NodeState.NODE_STATE_INIT, connected: NodeState.NODE_STATE_CONNECTED } as const;

interface Options {
  readonly network?: string;
  readonly state?: keyof typeof STATES;
}

/** `ncadm node list`: every node, one line each. */
export function addNodeList(parent: Command, session: Session): void {
  parent
    .command('list')
    .description('list the nodes')
    .option('--network <name>', 'only those of this network')
    .addOption(new Option('--state <state>', 'only those in this state').choices(Object.keys(STATES)))
    .addHelpText('after', examples('ncadm node list --state idle', "ncadm node list -o json | jq -r '.[] | .name + \" \" + .bindIp'"))
    .action(
      session.remote<Options, []>(async ({ api, output, options, nowMs }) => {
        const filter = { network: options.network ?? '', ...(options.state && { state: STATES[options.state] }) };
        const nodes = inReadingOrder(await listNodes(api, filter));
        output.table(nodes.map(nodeJson), nodeColumns(output.colors, nowMs), nodes);
      }),
    );
}
