import { DomainError } from '../../domain/errors.js';
import type {
  CheckConnStateRequest,
  CheckConnStateResponse,
  NodeServiceService,
  RenewRequest,
  RenewResponse,
  ReportRequest,
  ReportResponse,
  UnRegisterRequest,
  UnRegisterResponse,
  WatchRequest,
  WatchResponse,
} from '../../gen/networkcontroller/v1/node.js';
import { PeerSignal_Kind } from '../../gen/networkcontroller/v1/node.js';
import type { Clock } from '../../platform/clock.js';
import type { Caller } from '../auth/caller.js';
import { readOnly } from '../replicas/limited-repository.js';
import type { OwnReplica } from '../replicas/own-replica.js';
import type { ServerList } from '../replicas/server-list.js';
import type { MapFeed } from '../feed/map-feed.js';
import type { KeyProofs } from '../pki/key-proofs.js';
import type { ClusterFacts } from '../services/cluster-facts.js';
import { stateOf } from '../services/node-status.js';
import { nodeOfToken } from '../services/node-tokens.js';
import type { NodeBundles } from '../services/node-bundles.js';
import type { Nodes } from '../services/nodes.js';
import { reportSeconds, retryWithinMs } from '../services/pacing.js';
import { STATE, type PresenceBoard } from '../services/presence.js';
import type { Renewals } from '../services/renewals.js';
import type { Routes } from '../services/routes.js';
import type { Reports } from '../services/reports.js';
import type { ServiceRegistry } from '../services/service-registry.js';
import type { Signals } from '../services/signals.js';
import type { Repository } from '../store/local-view.js';
import type { HandlersOf, StreamHandler, UnaryHandler } from './handler.js';
import { reach } from './reads.js';
import { nodeServiceHandlers } from './service-handlers.js';

/** What the control listener needs for nodes. */
export interface NodeDeps {
  readonly repository: Repository;
  readonly facts: ClusterFacts;
  readonly own: OwnReplica;
  readonly feed: MapFeed;
  readonly presence: PresenceBoard;
  readonly reports: Reports;
  readonly bundles: NodeBundles;
  readonly signals: Signals;
  readonly servers: ServerList | undefined;
  readonly clock: Clock;
  readonly renewals: Renewals;
  readonly proofs: KeyProofs;
  readonly nodes: Nodes;
  readonly routes: Routes;
  readonly services: ServiceRegistry;
}

/** Signals in which a node says what its NAT is like. */
const TELLS_NAT: readonly PeerSignal_Kind[] = [PeerSignal_Kind.KIND_OFFER, PeerSignal_Kind.KIND_ANSWER];

/** `NodeService`: what a registered node may ask, always of itself. */
export function nodeHandlers(deps: NodeDeps): HandlersOf<typeof NodeServiceService> {
  return {
    healthCheck: async () => ({ code: '200' }),
    watch: watch(deps),
    report: report(deps),
    signal: async (request, caller) => {
      const node = nodeCaller(caller);
      for (const { kind, symmetricNat, natUnknown } of request.signals) if (TELLS_NAT.includes(kind) && !natUnknown) deps.reports.natSeen(node.nodeId, symmetricNat);
      return { undelivered: deps.signals.pass(node.nodeId, node.network, request.signals) };
    },
    renew: renew(deps),
    checkConnState: checkConnState(deps),
    getRegistedIp: async (request, caller) => {
      const { record } = subject(deps, request.token, caller);
      return { code: '200', message: 'success', ip: record.bindIp, ip6: record.bindIp6 };
    },
    unRegister: unRegister(deps),
    ...nodeServiceHandlers(deps),
  };
}

/** `NodeService.Watch`. The stream is also the node's presence. */
function watch({ repository, facts, own, feed, presence, signals, servers, clock }: NodeDeps): StreamHandler<WatchRequest, WatchResponse> {
  return async (request, caller, sink) => {
    const { nodeId, network } = nodeCaller(caller);
    if (own.settings.role === 'observer') throw readOnly(repository.view, own.settings.name);
    if (facts.state() === 'draining') throw new DomainError('draining', 'this server is about to stop and takes no more nodes; connect to another one');
    // It comes from a server that was ahead.
    const isAhead = servers !== undefined && request.epoch === facts.epoch && request.fromRevision > repository.view.rev;
    if (isAhead) await reach({ rev: () => repository.view.rev, reached: (rev) => repository.reached(rev), clock }, request.fromRevision);
    const close = feed.open(nodeId, sink, { epoch: request.epoch, revision: request.fromRevision });
    presence.streamOpened(nodeId, network, request.agentVersion);
    signals.welcome(nodeId);
    servers?.welcome(nodeId);
    sink.onClose(() => {
      close();
      presence.streamClosed(nodeId);
    });
  };
}

/** `NodeService.Report`. */
function report({ feed, presence, reports, bundles, routes }: NodeDeps): UnaryHandler<ReportRequest, ReportResponse> {
  return async (request, caller) => {
    const { nodeId, network } = nodeCaller(caller);
    reports.take(nodeId, request);
    if (request.tunnelUp) presence.tunnelSeen(nodeId);
    else presence.tunnelLost(nodeId);
    await bundles.note(nodeId, network, request.bundleVersion);
    await routes.advertise(nodeId, request.routes);
    return { nextReportSeconds: reportSeconds(feed.watcherCount), retryWithinMs: retryWithinMs(feed.watcherCount) };
  };
}

/** `NodeService.Renew`. */
function renew({ renewals, proofs, facts }: NodeDeps): UnaryHandler<RenewRequest, RenewResponse> {
  return async (request, caller) => {
    const { nodeId } = nodeCaller(caller);
    const { grpcCertificate, networkCertificate } = await renewals.renew(nodeId, await proofs.prove(request), caller);
    return { grpcCertificate: Buffer.from(grpcCertificate), networkCertificate: Buffer.from(networkCertificate), bundle: facts.bundle() };
  };
}

/** `NodeService.CheckConnState`, in LiteKube's numbers and in ours. */
function checkConnState(deps: NodeDeps): UnaryHandler<CheckConnStateRequest, CheckConnStateResponse> {
  return async (request, caller) => {
    const { record, state } = subject(deps, request.token, caller);
    const now = record.reserved ? STATE.connected : (deps.presence.of(record.id)?.state ?? state);
    return { code: '200', message: 'success', connState: now, bindIp: record.bindIp, state: stateOf(now) };
  };
}

/** `NodeService.UnRegister`: of the caller, or for an admin of the node whose token is given. */
function unRegister(deps: NodeDeps): UnaryHandler<UnRegisterRequest, UnRegisterResponse> {
  return async (request, caller) => {
    const { record } = subject(deps, request.token, caller);
    await deps.nodes.remove(record.id, record.network, 'UnRegister', caller);
    return { code: '200', message: 'success', result: true };
  };
}

/** The node a request is about: the caller, or the one whose token is given; a node may only mean itself. */
function subject(deps: NodeDeps, token: string, caller: Caller): { record: ReturnType<typeof nodeOfToken>['value']; state: number } {
  const { view } = deps.repository;
  const id = token === '' ? nodeCaller(caller).nodeId : nodeOfToken(view, token).value.id;
  if (caller.kind === 'node' && id !== caller.nodeId) {
    throw new DomainError('permission_denied', 'token: belongs to another node; a node may only ask about itself');
  }
  const row = view.nodeRow(id);
  if (row === undefined) throw new DomainError('node_unknown', 'this node was unregistered; join again with a new join string');
  return row;
}

function nodeCaller(caller: Caller): Extract<Caller, { kind: 'node' }> {
  if (caller.kind === 'node') return caller;
  throw new DomainError('invalid_argument', 'token: want a node token, because the caller is not a node');
}
