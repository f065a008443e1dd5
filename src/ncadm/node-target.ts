import { distance } from 'fastest-levenshtein';
import { DomainError } from '../domain/errors.js';
import { isNodeToken, RESERVED_TOKEN } from '../domain/node-token.js';
import { GetNodeRequest, ListNodesRequest, type Node } from '../gen/networkcontroller/v1/admin.js';
import type { AdminApi } from './admin-api.js';
import { PAGE_SIZE, readAllPages } from './pages.js';

const SUGGESTIONS = 3;

/**
 * Finds the one node that a target means: its id, its name or its node token. Never guesses.
 *
 * @param network Where to look, or empty for every network.
 * @throws DomainError `node_unknown` with the nearest names, `conflict` with the candidates when several match.
 */
export async function findNode(api: AdminApi, target: string, network = ''): Promise<Node> {
  if (isNodeToken(target)) return foundByToken(await api.call('getNode', GetNodeRequest.create({ node: target, network })));
  const nodes = await listNodes(api, { network });
  const matching = nodes.filter((node) => node.id === target || node.name === target || (node.reserved && target === RESERVED_TOKEN));
  const [only, ...more] = matching;
  if (only === undefined) throw new DomainError('node_unknown', `no node has the id or name "${target}"${nearest(nodes, target)}`);
  if (more.length > 0) throw new DomainError('conflict', `"${target}" matches several nodes: ${matching.map(describe).join(', ')}`);
  return only;
}

/** Every node, page by page, of one network or (empty) of all. */
export function listNodes(api: AdminApi, filter: Partial<Pick<ListNodesRequest, 'network' | 'state'>>): Promise<Node[]> {
  return readAllPages(async (pageToken) => {
    const { nodes, nextPageToken } = await api.call('listNodes', ListNodesRequest.create({ ...filter, pageToken, pageSize: PAGE_SIZE }));
    return { items: nodes, next: nextPageToken };
  });
}

function foundByToken({ node }: { node: Node | undefined }): Node {
  if (node === undefined) throw new DomainError('node_unknown', 'no node has this node token');
  return node;
}

function nearest(nodes: readonly Node[], target: string): string {
  const close = nodes
    .filter((node) => distance(node.name, target) <= Math.max(2, target.length / 3))
    .sort((a, b) => distance(a.name, target) - distance(b.name, target))
    .slice(0, SUGGESTIONS);
  return close.length === 0 ? '' : `; did you mean ${close.map(describe).join(', ')}?`;
}

function describe(node: Node): string {
  return `${node.name} (${node.id}, network ${node.network})`;
}
