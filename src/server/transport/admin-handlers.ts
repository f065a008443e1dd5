import { DomainError } from '../../domain/errors.js';
import { csrSpki } from '../../platform/x509/csr.js';
import {
  Token,
  type Admin,
  type AdminServiceService,
  type CreateAdminRequest,
  type CreateAdminResponse,
  type CreateTokenRequest,
  type CreateTokenResponse,
  type GetStatusRequest,
  type GetStatusResponse,
  type NetworkInfo,
  type Node,
  type WatchEventsRequest,
  type WatchEventsResponse,
} from '../../gen/networkcontroller/v1/admin.js';
import type { CertificateRecord, NetworkRecord, TokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Caller } from '../auth/caller.js';
import type { Drain } from '../replicas/drain.js';
import type { ReplicaBoard } from '../replicas/replica-board.js';
import type { Explanations } from '../services/explain/explanations.js';
import type { EventTail } from '../services/event-tail.js';
import { addressUse } from '../services/address-pools.js';
import type { Authorities } from '../services/authorities.js';
import type { ApiTokens } from '../services/api-tokens.js';
import type { Admins } from '../services/admins.js';
import type { ClusterFacts } from '../services/cluster-facts.js';
import { nodeStatus, stateNumber, type LiveFacts } from '../services/node-status.js';
import type { Nodes } from '../services/nodes.js';
import type { ServiceRegistry } from '../services/service-registry.js';
import type { RelayBoard } from '../services/relay-board.js';
import type { Relays } from '../services/relays.js';
import type { Tokens } from '../services/tokens.js';
import type { Repository } from '../store/local-view.js';
import { apiTokenHandlers } from './api-token-handlers.js';
import type { DnsControl } from '../dns/dns-control.js';
import type { DnsRecords } from '../services/dns-records.js';
import { dnsHandlers } from './dns-handlers.js';
import type { HandlersOf, StreamHandler, UnaryHandler } from './handler.js';
import { relayAdminHandlers } from './relay-handlers.js';
import { routeHandlers } from './route-handlers.js';
import type { Routes } from '../services/routes.js';
import { adminServiceHandlers } from './service-handlers.js';
import { snapshotHandlers, type SnapshotUse } from './snapshot-handlers.js';

/** What admins are served with. */
export interface AdminDeps {
  readonly repository: Repository;
  readonly facts: ClusterFacts;
  readonly replicas: ReplicaBoard;
  readonly drain: Drain;
  readonly live: LiveFacts;
  readonly tokens: Tokens;
  readonly nodes: Nodes;
  readonly routes: Routes;
  readonly admins: Admins;
  readonly apiTokens: ApiTokens;
  readonly relays: Relays;
  readonly relayBoard: RelayBoard;
  readonly authorities: Authorities;
  readonly services: ServiceRegistry;
  readonly events: EventTail;
  readonly explanations: Explanations;
  readonly snapshots: SnapshotUse;
  readonly names: { readonly records: DnsRecords; readonly control: DnsControl };
  /** The join string of a token: "ncj1_<id>.<secret>.<pin>@host:port". */
  joinString(tokenId: string, secret: string): string;
  readonly defaultExpireMs: number;
}

const PAGE = 200;
const MAX_PAGE = 1_000;
const DEFAULT_NETWORK = 'default';

/** `AdminService`: for the unix socket and for admin certificates. */
export function adminHandlers(deps: AdminDeps): HandlersOf<typeof AdminServiceService> {
  const { tokens, nodes, repository } = deps;
  const show = (id: string): Node => nodeStatus(required(repository.view.nodeRow(id)), deps.live);
  return {
    getStatus: getStatus(deps),
    createToken: createToken(deps),
    listTokens: async (request) => {
      const page = tokens.list(networkFilter(request.network), request.pageToken, pageSize(request.pageSize));
      const all = page.items.map(({ value }) => tokenMessage(tokens, value));
      return { tokens: request.all ? all : all.filter((token) => token.state === 'usable'), nextPageToken: page.next };
    },
    getToken: async (request) => ({ token: tokenMessage(tokens, tokens.get(request.id)) }),
    revokeToken: async (request, caller) => ({ token: tokenMessage(tokens, await tokens.revoke(request.id, caller)) }),
    rotateToken: async (request, caller) => {
      const { record, secret } = await tokens.rotate(request.id, request.graceMs, caller);
      return { token: tokenMessage(tokens, record), join: deps.joinString(record.id, secret) };
    },
    listNodes: async (request) => {
      const state = stateNumber(request.state);
      const filter = { ...networkFilter(request.network), ...(state === undefined ? {} : { state }) };
      const page = repository.view.pageNodes(filter, request.pageToken, pageSize(request.pageSize));
      return { nodes: page.items.map((row) => nodeStatus(row, deps.live)), nextPageToken: page.next };
    },
    getNode: async (request) => ({ node: show(nodes.find(request.node, request.network || DEFAULT_NETWORK).id) }),
    renameNode: async (request, caller) => {
      const { result, rev } = await nodes.rename(request.node, request.network || DEFAULT_NETWORK, request.name, caller);
      return { node: show(result.id), revision: rev };
    },
    unregisterNode: async (request, caller) => {
      const before = show(nodes.find(request.node, request.network || DEFAULT_NETWORK).id);
      const { rev } = await nodes.remove(before.id, before.network, 'UnregisterNode', caller);
      return { node: before, revision: rev };
    },
    revokeNode: async (request, caller) => {
      const before = show(nodes.find(request.node, request.network || DEFAULT_NETWORK).id);
      const { rev } = await nodes.remove(before.id, before.network, 'RevokeNode', caller, request.reason);
      return { node: before, revision: rev };
    },
    explain: (request) => deps.explanations.explain(request),
    ...adminServiceHandlers(deps),
    watchEvents: watchEvents(deps),
    listAudit: async ({ actor, object, result, pageToken, pageSize: wanted }) => {
      const filter = { ...(actor && { actor }), ...(object && { object }), ...(result && { result }) };
      const page = repository.view.pageAudit(filter, pageToken, pageSize(wanted));
      return { entries: page.items.map(({ key, value }) => ({ id: key.slice(key.lastIndexOf('/') + 1), ...value })), nextPageToken: page.next };
    },
    createAdmin: createAdmin(deps),
    listAdmins: async () => ({ admins: deps.admins.list().map(adminMessage) }),
    revokeAdmin: async (request, caller) => ({ admins: (await deps.admins.revoke(request.admin, caller)).map(adminMessage) }),
    ...apiTokenHandlers(deps),
    ...snapshotHandlers(deps.snapshots),
    drainReplica: async ({ replica }, caller) => ({ replica: await deps.drain.request(replica, caller) }),
    ...relayAdminHandlers(deps),
    ...routeHandlers(deps),
    getCaStatus: async () => deps.authorities.status(),
    prepareCa: async ({ purpose }, caller) => ({ status: await deps.authorities.prepare(purpose, caller) }),
    activateCa: async ({ purpose, compromised }, caller) => ({ status: await deps.authorities.activate(purpose, compromised, caller) }),
    ...dnsHandlers(deps.names.records, deps.names.control),
    retireCa: async ({ purpose, generation, compromised }, caller) => ({ status: await deps.authorities.retire(purpose, generation, compromised, caller) }),
  };
}

/** `AdminService.GetStatus`: the summary, and one page of nodes. */
function getStatus(deps: AdminDeps): UnaryHandler<GetStatusRequest, GetStatusResponse> {
  return async (request) => {
    const { view } = deps.repository;
    const counts = view.nodeCounts();
    const page = request.summaryOnly
      ? { items: [], next: '' }
      : view.pageNodes(networkFilter(request.network), request.pageToken, pageSize(request.pageSize));
    return {
      cluster: { id: deps.facts.clusterId, epoch: deps.facts.epoch, revision: view.rev },
      networks: view.networks().map(({ value }) => networkInfo(deps, value)),
      nodes: page.items.map((row) => nodeStatus(row, deps.live)),
      nextPageToken: page.next,
      state: deps.facts.state(),
      version: deps.facts.version,
      nodesTotal: counts.total,
      nodesConnected: counts.connected,
      servicesTotal: view.serviceCount(),
      startedAtMs: deps.facts.startedAtMs,
      bootstrapEndpoints: [...deps.facts.bootstrapEndpoints()],
      grpcCas: deps.facts.bundle().grpc,
      replicas: deps.replicas.list(),
    };
  };
}

/** A network and how full it is. */
function networkInfo(deps: AdminDeps, record: NetworkRecord): NetworkInfo {
  const { total, used, free, quarantined } = addressUse(deps.repository.view, record);
  return {
    name: record.name,
    cidr: record.cidr,
    cidr6: record.cidr6,
    addressesTotal: total,
    addressesUsed: used,
    addressesFree: free,
    addressesQuarantined: quarantined,
  };
}

/** `AdminService.CreateToken`. */
function createToken({ tokens, joinString, defaultExpireMs }: AdminDeps): UnaryHandler<CreateTokenRequest, CreateTokenResponse> {
  return async (request, caller) => {
    const lifetimeMs = request.expireMs === 0 ? defaultExpireMs : request.expireMs;
    const { record, secret } = await tokens.create(
      {
        network: request.network || DEFAULT_NETWORK,
        lifetimeMs: lifetimeMs < 0 ? undefined : lifetimeMs,
        maxUses: request.unboundedUses ? 0 : request.maxUses || 1,
        label: label(request.label),
        nodeName: request.nodeName,
        bindIp: request.bindIp,
        labels: request.labels,
        ephemeral: request.ephemeral,
        fromCidrs: request.fromCidrs,
      },
      caller,
    );
    return { token: tokenMessage(tokens, record), join: joinString(record.id, secret) };
  };
}

/** `AdminService.CreateAdmin`: the certificate and what an admin elsewhere needs beside it. */
function createAdmin({ admins, facts }: AdminDeps): UnaryHandler<CreateAdminRequest, CreateAdminResponse> {
  return async (request, caller) => {
    const lifetimeMs = request.ttlMs === 0 ? undefined : request.ttlMs;
    const { record, der } = await admins.create({ name: request.name, role: request.role || 'admin', spki: csrSpki(request.csr), lifetimeMs }, caller);
    return {
      admin: adminMessage(record),
      certificate: Buffer.from(der),
      grpcCas: facts.bundle().grpc,
      clusterId: facts.clusterId,
      controlEndpoints: [...facts.controlEndpoints()],
    };
  };
}

function adminMessage(record: CertificateRecord): Admin {
  return { name: record.subjectId, role: record.role, serial: record.serial, expiresAtMs: record.notAfterMs, revokedAtMs: record.revokedAtMs };
}

/** `AdminService.WatchEvents`: the event log from a revision on, then live if asked to. */
function watchEvents(deps: AdminDeps): StreamHandler<WatchEventsRequest, WatchEventsResponse> {
  return (request, _caller: Caller, sink) => {
    deps.events.open(request, sink);
  };
}

function tokenMessage(tokens: Tokens, record: TokenRecord): Token {
  const { used, state } = tokens.usageOf(record);
  const { secretHash: _secretHash, previousHash: _previousHash, caGeneration: _caGeneration, previousCaGeneration: _previousCaGeneration, ...shown } = record;
  return Token.fromPartial({ ...shown, used, state });
}

function networkFilter(network: string): { network?: string } {
  return network === '' ? {} : { network };
}

function pageSize(wanted: number): number {
  return wanted === 0 ? PAGE : Math.min(wanted, MAX_PAGE);
}

function label(text: string): string {
  if (text.length <= 200) return text;
  throw new DomainError('invalid_argument', `label: want at most 200 characters, got ${text.length}`);
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new DomainError('invalid_argument', 'request: incomplete; the service or node it is about is missing');
  return value;
}
