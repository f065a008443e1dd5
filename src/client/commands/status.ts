import type { Command } from 'commander';
import { openJoinedState, withAgent } from '../agent-client.js';
import { examples } from '../../platform/run-command.js';
import type { Session } from '../session.js';
import { latenciesOf } from '../latencies.js';
import { statusJson, statusText } from '../views/status-view.js';

/** `nc-client status`: this node, each peer on one line, and what is wrong. */
export function addStatus(parent: Command, session: Session): void {
  parent
    .command('status')
    .description('show this node, its peers and what is wrong')
    .option('--no-latency', 'do not ping the peers')
    .addHelpText('after', examples('nc-client status', 'nc-client status -o wide', "nc-client status -o json | jq '.peers[].path'"))
    .action(
      session.node<{ readonly latency: boolean }, []>(async ({ config, output, options, clock }) => {
        const status = await withAgent(openJoinedState(config).socketPath, (agent) => agent.status());
        const latencies = options.latency ? await latenciesOf(status) : new Map<string, number>();
        output.result(statusJson(status, latencies), () => statusText(output, status, clock.now(), latencies));
      }),
    );
}
