import { DomainError } from '../../domain/errors.js';
import { Service } from '../../gen/networkcontroller/v1/types.js';
import { isoTime } from '../../platform/measures.js';
import { ownNodeOf, type Caller } from '../auth/caller.js';
import type { ServiceRegistry } from '../services/service-registry.js';
import type { LocalView, ServiceRowFilter } from '../store/local-view.js';
import { endpoint, JSON_TYPE, type ApiRoute } from './api.js';
import { LIST_QUERY, NETWORK_QUERY, NO_QUERY, RENEWAL, SERVICE, SERVICE_INPUT, SERVICE_LIST } from './api-schemas.js';

/** What services are served with. */
export interface ServiceEndpointsDeps {
  readonly services: ServiceRegistry;
  readonly view: LocalView;
}

const DEFAULT_NETWORK = 'default';
const PATH = '/v1/services';

/** Registers an instance, or replaces the one of the same id. */
export function registerEndpoint({ services, view }: ServiceEndpointsDeps): ApiRoute {
  return endpoint({
    id: 'registerService',
    method: 'POST',
    path: PATH,
    summary: 'Registers an instance of a service, or replaces the one with the same id, and lets its lease begin. A node, and a token of a node, registers only for itself.',
    scope: 'services:write',
    query: NO_QUERY,
    body: { type: JSON_TYPE, schema: SERVICE_INPUT },
    answer: { status: 200, description: 'The instance as it is registered.', schema: SERVICE },
    refusals: ['invalid_argument', 'unauthenticated', 'permission_denied', 'node_unknown', 'message_too_large'],
    statuses: [415],
    async handle({ body: { node, ...wanted }, caller }) {
      const place = placeOf(view, caller, node, wanted.network);
      const { result } = await services.add(Service.fromPartial({ ...wanted, ...place }), caller);
      return serviceJson(services.show(result));
    },
  });
}

/** Lists instances. */
export function listEndpoint({ services, view }: ServiceEndpointsDeps): ApiRoute {
  return endpoint({
    id: 'listServices',
    method: 'GET',
    path: PATH,
    summary: 'Lists instances, healthy or not. Who is bound to one network sees that one.',
    scope: 'services:read',
    query: LIST_QUERY,
    answer: { status: 200, description: 'One page; the token of the next is empty at the end.', schema: SERVICE_LIST },
    refusals: ['invalid_argument', 'unauthenticated', 'permission_denied'],
    async handle({ query: { pageToken, pageSize, ...wanted }, caller }) {
      const page = services.list(filterOf(view, caller, wanted), pageToken, pageSize);
      return { services: page.items.map(serviceJson), nextPageToken: page.next };
    },
  });
}

/** Shows one instance. */
export function showEndpoint({ services, view }: ServiceEndpointsDeps): ApiRoute {
  return endpoint({
    id: 'getService',
    method: 'GET',
    path: `${PATH}/{id}`,
    summary: 'Shows one instance.',
    scope: 'services:read',
    query: NETWORK_QUERY,
    answer: { status: 200, description: 'The instance.', schema: SERVICE },
    refusals: ['invalid_argument', 'unauthenticated', 'permission_denied', 'service_unknown'],
    async handle({ query, params, caller }) {
      const found = view.service(networkFor(view, caller, query.network), params['id'] ?? '');
      if (found === undefined) throw unknown(params['id']);
      return serviceJson(services.show(found.value));
    },
  });
}

/** Renews the lease of one instance. */
export function renewEndpoint({ services, view }: ServiceEndpointsDeps): ApiRoute {
  return endpoint({
    id: 'renewService',
    method: 'POST',
    path: `${PATH}/{id}/renew`,
    summary: 'Renews the lease of an instance, and says how healthy it is.',
    scope: 'services:write',
    query: NETWORK_QUERY,
    body: { type: JSON_TYPE, schema: RENEWAL },
    answer: { status: 204, description: 'Renewed.' },
    refusals: ['invalid_argument', 'unauthenticated', 'permission_denied', 'service_unknown', 'message_too_large'],
    statuses: [415],
    async handle({ query, params, body, caller }) {
      const id = params['id'] ?? '';
      const refused = await services.renew(networkFor(view, caller, query.network), [{ id, ...body }], caller);
      if (refused.length > 0) throw unknown(id);
      return undefined;
    },
  });
}

/** Takes one instance away. */
export function removeEndpoint({ services, view }: ServiceEndpointsDeps): ApiRoute {
  return endpoint({
    id: 'deregisterService',
    method: 'DELETE',
    path: `${PATH}/{id}`,
    summary: 'Takes an instance away.',
    scope: 'services:write',
    query: NETWORK_QUERY,
    answer: { status: 204, description: 'It is gone.' },
    refusals: ['invalid_argument', 'unauthenticated', 'permission_denied', 'service_unknown'],
    async handle({ query, params, caller }) {
      const [network, id] = [networkFor(view, caller, query.network), params['id'] ?? ''];
      if (view.service(network, id) === undefined) throw unknown(id);
      await services.remove(id, network, caller);
      return undefined;
    },
  });
}

/** An instance as HTTP shows it. */
export function serviceJson({ createdAtMs, sinceMs, ...shown }: Service) {
  return { ...shown, createdAt: isoTime(createdAtMs), since: isoTime(sinceMs) };
}

/** What a caller may see of what it asks for. */
export function filterOf(view: LocalView, caller: Caller, { network = '', name = '', type = '', channel = '' }: ServiceRowFilter): ServiceRowFilter {
  const own = ownNodeOf(caller) === undefined ? network : networkFor(view, caller, network);
  return { ...(own && { network: own }), ...(name && { name }), ...(type && { type }), ...(channel && { channel }) };
}

/** The network in which an id is looked up: a node's own, or the one asked for. */
function networkFor(view: LocalView, caller: Caller, wanted: string): string {
  const own = ownNodeOf(caller);
  const network = own === undefined ? undefined : view.nodeById(own)?.value.network;
  if (network !== undefined && wanted !== '' && wanted !== network) throw new DomainError('permission_denied', `network: a node asks in its own, ${network}, got ${JSON.stringify(wanted.slice(0, 64))}`);
  return network ?? (wanted || DEFAULT_NETWORK);
}

/** Node and network of a registration. Whoever speaks for one node may leave them out, and may say nothing else. */
function placeOf(view: LocalView, caller: Caller, node: string, wantedNetwork: string): { nodeId: string; network: string } {
  const network = networkFor(view, caller, wantedNetwork);
  const own = ownNodeOf(caller);
  if (own === undefined) return { nodeId: node, network };
  if (node !== '' && node !== own && node !== view.nodeById(own)?.value.name) throw new DomainError('permission_denied', `body.node: want your own node ${own} or none, got ${JSON.stringify(node.slice(0, 64))}`);
  return { nodeId: own, network };
}

function unknown(id = ''): DomainError {
  return new DomainError('service_unknown', `service: want the id of an instance of yours, got ${JSON.stringify(id.slice(0, 64))}`);
}
