import { DomainError } from '../../domain/errors.js';
import type { AdminServiceService } from '../../gen/networkcontroller/v1/admin.js';
import type { KeepServicesRequest, KeepServicesResponse, NodeServiceService, ServiceState } from '../../gen/networkcontroller/v1/node.js';
import type { ServiceEvent, ServiceFilter } from '../../gen/networkcontroller/v1/types.js';
import type { Caller } from '../auth/caller.js';
import type { ServiceRegistry } from '../services/service-registry.js';
import { watchServices, type ServiceEventSink } from '../services/service-watch.js';
import type { Repository, ServiceRowFilter } from '../store/local-view.js';
import type { DuplexHandler, HandlersOf, StreamSink } from './handler.js';

/** What registrations are served with. */
export interface ServiceDeps {
  readonly repository: Repository;
  readonly services: ServiceRegistry;
}

const PAGE = 200;
const MAX_PAGE = 1_000;
const DEFAULT_NETWORK = 'default';

type NodeMethods = 'registerService' | 'renewServices' | 'keepServices' | 'deregisterService' | 'listServices' | 'watchServices';
type AdminMethods = 'addService' | 'listServices' | 'removeService' | 'watchServices';

/** The services of the calling node, and what it may know of the others: those of its own network. */
export function nodeServiceHandlers({ services, repository }: ServiceDeps): Pick<HandlersOf<typeof NodeServiceService>, NodeMethods> {
  return {
    registerService: async (request, caller) => {
      const { nodeId, network } = nodeCaller(caller);
      const { result, rev } = await services.add({ ...required(request.service), nodeId, network }, caller);
      return { service: services.show(result), revision: rev };
    },
    renewServices: async (request, caller) => {
      const unknown = await services.renew(nodeCaller(caller).network, request.services, caller);
      return { unknown: [...unknown] };
    },
    keepServices: keepServices({ services, repository }),
    deregisterService: async (request, caller) => {
      const { rev } = await services.remove(request.id, nodeCaller(caller).network, caller);
      return { revision: rev };
    },
    listServices: async ({ filter, pageToken, pageSize }, caller) => {
      const page = services.list(rowFilter(nodeCaller(caller).network, filter), pageToken, sizeOf(pageSize));
      return { services: [...page.items], nextPageToken: page.next };
    },
    watchServices: ({ filter }, caller, sink) => watchServices(repository, rowFilter(nodeCaller(caller).network, filter), eventSink(sink)),
  };
}

/** The services of every network, for admins. */
export function adminServiceHandlers({ services, repository }: ServiceDeps): Pick<HandlersOf<typeof AdminServiceService>, AdminMethods> {
  return {
    addService: async (request, caller) => {
      const { result, rev } = await services.add(required(request.service), caller);
      return { service: services.show(result), revision: rev };
    },
    listServices: async ({ network, name, type, channel, pageToken, pageSize }) => {
      const page = services.list(rowFilter(network, { name, type, channel }), pageToken, sizeOf(pageSize));
      return { services: [...page.items], nextPageToken: page.next };
    },
    removeService: async (request, caller) => {
      const { result, rev } = await services.remove(request.service, request.network || DEFAULT_NETWORK, caller);
      return { services: result.map((record) => services.show(record)), revision: rev };
    },
    watchServices: ({ network, filter }, _caller, sink) => watchServices(repository, rowFilter(network, filter), eventSink(sink)),
  };
}

/** `NodeService.KeepServices`: what a message has named is renewed by each empty one after it. */
function keepServices({ services, repository }: ServiceDeps): DuplexHandler<KeepServicesRequest, KeepServicesResponse> {
  return (caller, sink) => {
    const { nodeId, network } = nodeCaller(caller);
    let kept: readonly ServiceState[] = [];
    return async (request) => {
      if (request.services.length > 0) kept = request.services;
      const unknown = await services.renew(network, kept, caller);
      if (unknown.length === 0) return;
      // The caller was looked at when the stream began.
      if (repository.view.nodeById(nodeId) === undefined) throw new DomainError('node_revoked', 'this node was unregistered; join again with a new join string');
      sink.write({ unknown: [...unknown] });
    };
  };
}

function rowFilter(network: string, filter: ServiceFilter | undefined): ServiceRowFilter {
  const { name = '', type = '', channel = '' } = filter ?? {};
  return { ...(network && { network }), ...(name && { name }), ...(type && { type }), ...(channel && { channel }) };
}

function eventSink(sink: StreamSink<{ event: ServiceEvent | undefined }>): ServiceEventSink {
  return {
    write: (event) => sink.write({ event }),
    onDrain: (listener) => sink.onDrain(listener),
    onClose: (listener) => sink.onClose(listener),
    fail: (error) => sink.fail(error),
  };
}

function nodeCaller(caller: Caller): Extract<Caller, { kind: 'node' }> {
  if (caller.kind === 'node') return caller;
  throw new DomainError('invalid_argument', 'want a node as the caller; an admin asks AdminService');
}

function sizeOf(wanted: number): number {
  return wanted === 0 ? PAGE : Math.min(wanted, MAX_PAGE);
}

function required<T>(service: T | undefined): T {
  if (service === undefined) throw new DomainError('invalid_argument', 'service: want one, got none');
  return service;
}
