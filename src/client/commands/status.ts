import type { Command } from 'commander';
import { openJoinedState, withAgent } from '../agent-client.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { statusJson, statusText } from '../views/status-view.js';

/** `nc-client status`: this node, each peer on one line, and what is wrong. */
export function addStatus(parent: Command, session: Session): void {
  parent
    .command('status')
    .description('show this node, its peers and what is wrong')
    .addHelpText('after', examples('nc-client status', 'nc-client status -o wide', "nc-client status -o json | jq '.peers[].path'"))
    .action(
      session.node<object, []>(async ({ config, output, clock }) => {
        const status = await withAgent(openJoinedState(config).socketPath, (agent) => agent.status());
        output.result(statusJson(status), () => statusText(output, status, clock.now()));
      }),
    );
}
