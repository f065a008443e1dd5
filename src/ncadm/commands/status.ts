import { Option, type Command } from 'commander';
import { GetStatusRequest } from '../../gen/networkcontroller/v1/admin.js';
import { examples } from '../../platform/run-command.js';
import { readStatus } from '../read-status.js';
import type { Session } from '../session.js';
import { statusJson, statusText, summaryJson, summaryText } from '../views/status-view.js';

/** `ncadm status`: the cluster, its networks and every node, at a glance. */
export function addStatus(parent: Command, session: Session): void {
  parent
    .command('status')
    .description('show the cluster, its networks and every node')
    .option('--network <name>', 'only this network')
    .addOption(new Option('--summary', 'leave the nodes out, of which there may be many').conflicts('network'))
    .addHelpText('after', examples('ncadm status', 'ncadm status --summary', "ncadm status -o json | jq '.networks[].addresses'"))
    .action(
      session.remote<{ readonly network?: string; readonly summary?: boolean }, []>(async ({ api, output, options, nowMs }) => {
        if (options.summary === true) {
          const status = await api.call('getStatus', GetStatusRequest.create({ summaryOnly: true }));
          output.result(summaryJson(status), () => summaryText(output, status, nowMs));
          return;
        }
        const { status, nodes } = await readStatus(api, options.network ?? '');
        output.result(statusJson(status, nodes), () => statusText(output, status, nodes, nowMs));
      }),
    );
}
