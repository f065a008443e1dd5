import { GetStatusRequest, type GetStatusResponse, type Node } from '../gen/networkcontroller/v1/admin.js';
import type { AdminApi } from './admin-api.js';
import { PAGE_SIZE } from './pages.js';

/** The status of the controller, with the nodes of all pages; of one network, or (empty) of all. */
export async function readStatus(api: AdminApi, network: string): Promise<{ status: GetStatusResponse; nodes: readonly Node[] }> {
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
