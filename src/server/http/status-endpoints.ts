import { NodeState } from '../../gen/networkcontroller/v1/types.js';
import { isoTime } from '../../platform/measures.js';
import type { ClusterFacts } from '../services/cluster-facts.js';
import { nodeStatus, type LiveFacts } from '../services/node-status.js';
import type { LocalView } from '../store/local-view.js';
import { endpoint, type ApiRoute } from './api.js';
import { NODE_LIST, NODES_QUERY, NO_QUERY, STATUS } from './api-schemas.js';

/** What dashboards are served with. */
export interface StatusEndpointsDeps {
  readonly view: LocalView;
  readonly facts: ClusterFacts;
  readonly live: LiveFacts;
}

const STATE_WORD = { [NodeState.NODE_STATE_UNSPECIFIED]: 'idle', [NodeState.NODE_STATE_IDLE]: 'idle', [NodeState.NODE_STATE_INIT]: 'init', [NodeState.NODE_STATE_CONNECTED]: 'connected' } as const;

/** How the cluster is. */
export function statusEndpoint({ view, facts }: StatusEndpointsDeps): ApiRoute {
  return endpoint({
    id: 'getStatus',
    method: 'GET',
    path: '/v1/status',
    summary: 'Tells how the cluster is.',
    scope: 'status:read',
    query: NO_QUERY,
    answer: { status: 200, description: 'The cluster in figures.', schema: STATUS },
    refusals: ['invalid_argument', 'unauthenticated', 'permission_denied'],
    async handle() {
      return {
        clusterId: facts.clusterId,
        version: facts.version,
        state: facts.state(),
        revision: String(view.rev),
        startedAt: isoTime(facts.startedAtMs),
        nodes: view.nodeCounts(),
        services: view.serviceCount(),
        networks: view.networks().map(({ value: { name, cidr, cidr6, mtu } }) => ({ name, cidr, cidr6, mtu })),
      };
    },
  });
}

/** The nodes. */
export function nodesEndpoint({ view, live }: StatusEndpointsDeps): ApiRoute {
  return endpoint({
    id: 'listNodes',
    method: 'GET',
    path: '/v1/nodes',
    summary: 'Lists the nodes.',
    scope: 'status:read',
    query: NODES_QUERY,
    answer: { status: 200, description: 'One page; the token of the next is empty at the end.', schema: NODE_LIST },
    refusals: ['invalid_argument', 'unauthenticated', 'permission_denied'],
    async handle({ query: { network, pageToken, pageSize } }) {
      const page = view.pageNodes(network === '' ? {} : { network }, pageToken, pageSize);
      const nodes = page.items.map((row) => {
        const { id, name, network, bindIp, bindIp6, state, labels, version, createdAtMs, lastSeenMs } = nodeStatus(row, live);
        return { id, name, network, bindIp, bindIp6, state: STATE_WORD[state], labels, version, createdAt: isoTime(createdAtMs), lastSeen: isoTime(lastSeenMs) };
      });
      return { nodes, nextPageToken: page.next };
    },
  });
}
