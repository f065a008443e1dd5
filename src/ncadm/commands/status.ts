import type { Command } from 'commander';
import { GetStatusRequest, type GetStatusResponse, type Node } from '../../gen/networkcontroller/v1/admin.js';
import type { AdminApi } from '../admin-api.js';
import { examples } from '../../platform/run-command.js';
import { PAGE_SIZE } from '../pages.js';
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

/** The first answer, with the nodes of all pages. */
async function readStatus(api: AdminApi, network: string): Promise<{ status: GetStatusResponse; nodes: readonly Node[] }> {
  const ask = (pageToken: string): Promise<GetStatusResponse> => api.call('getStatus', GetStatusRequest.create({ network, pageToken, pageSize: PAGE_SIZE }));
  const status = await ask('');
  const nodes = [...status.nodes];
  for (let next = status.nextPageToken; next !== ''; ) {
    const page = await ask(next);
    nodes.push(...page.nodes);
    next = page.nextPageToken;
  }
  return { status, nodes };
}
