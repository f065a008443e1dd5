import type { Command } from 'commander';
import { examples } from '../../platform/run-command.js';
import { readStatus } from '../read-status.js';
import type { Session } from '../session.js';
import { statusJson, statusText } from '../views/status-view.js';

/** `ncadm status`: the cluster, its networks and every node, at a glance. */
export function addStatus(parent: Command, session: Session): void {
  parent
    .command('status')
    .description('show the cluster, its networks and every node')
    .option('--network <name>', 'only this network')
    .addHelpText('after', examples('ncadm status', "ncadm status -o json | jq '.networks[].addresses'"))
    .action(
      session.remote<{ readonly network?: string }, []>(async ({ api, output, options, nowMs }) => {
        const { status, nodes } = await readStatus(api, options.network ?? '');
        output.result(statusJson(status, nodes), () => statusText(output, status, nodes, nowMs));
      }),
    );
}
