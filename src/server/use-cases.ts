import { DomainError } from '../domain/errors.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { ServerConfig } from '../platform/config/server-config.js';
import { MapFeed } from './feed/map-feed.js';
import { RelayFeed } from './feed/relay-feed.js';
import { Drain } from './replicas/drain.js';
import { followPresence } from './replicas/follow-presence.js';
import { readOnly } from './replicas/limited-repository.js';
import { OwnReplica } from './replicas/own-replica.js';
import { ReplicaBoard } from './replicas/replica-board.js';
import { Roles } from './replicas/roles.js';
import { ServerList } from './replicas/server-list.js';
import { SignalBus } from './replicas/signal-bus.js';
import type { ServerState } from './server-state.js';
import { AddressPools } from './services/address-pools.js';
import { AddressTaking } from './services/address-taking.js';
import { ApiTokens } from './services/api-tokens.js';
import { Admins } from './services/admins.js';
import { Authorities } from './services/authorities.js';
import { bundlesAfter, latestBundle } from './services/ca-records.js';
import type { NodeCertificateIssuer } from './services/certificate-rows.js';
import { ClusterFacts, type Endpoints } from './services/cluster-facts.js';
import { EventTail } from './services/event-tail.js';
import { forgetRemoved } from './services/forget-removed.js';
import { NodeBundles } from './services/node-bundles.js';
import { Nodes } from './services/nodes.js';
import { PresenceBoard, STATE } from './services/presence.js';
import { RelayBoard } from './services/relay-board.js';
import { Relays } from './services/relays.js';
import { Registrations } from './services/registrations.js';
import { RefusalAudit } from './services/refusal-audit.js';
import { Renewals } from './services/renewals.js';
import { Routes } from './services/routes.js';
import { Revocations } from './services/revocations.js';
import { Reports } from './services/reports.js';
import { ServiceLeases, type OtherServers } from './services/service-leases.js';
import { ServiceRegistry } from './services/service-registry.js';
import { TokenUses } from './services/token-uses.js';
import { Tokens } from './services/tokens.js';

/** Everything the server decides with. */
export interface UseCases {
  readonly facts: ClusterFacts;
  readonly own: OwnReplica;
  readonly replicas: ReplicaBoard;
  readonly roles: Roles;
  readonly drain: Drain;
  /** Left out where this is the only server. */
  readonly servers: ServerList | undefined;
  /** The same. */
  readonly signalBus: SignalBus | undefined;
  readonly pools: AddressPools;
  readonly presence: PresenceBoard;
  readonly reports: Reports;
  readonly bundles: NodeBundles;
  readonly tokens: Tokens;
  readonly authorities: Authorities;
  readonly nodes: Nodes;
  readonly admins: Admins;
  readonly apiTokens: ApiTokens;
  readonly refusals: RefusalAudit;
  readonly registrations: Registrations;
  readonly renewals: Renewals;
  readonly revocations: Revocations;
  readonly routes: Routes;
  readonly leases: ServiceLeases;
  readonly services: ServiceRegistry;
  readonly events: EventTail;
  readonly feed: MapFeed;
  readonly relays: Relays;
  readonly relayBoard: RelayBoard;
  readonly relayFeed: RelayFeed;
}

/**
 * Constructs the use cases, top to bottom.
 *
 * @param deps `clock` never goes back, for deciding what has expired. `wall` is the machine's, for dating certificates: whoever checks
 *   them goes by the wall clock, and a clock that once ran ahead must not date them into the future.
 */
export function useCases(
  { repository, store, pki, staleMs }: ServerState,
  config: ServerConfig,
  deps: { clock: Clock; wall: Clock; log: Log; version: string; wgPublicKey: Uint8Array; endpoints: () => Endpoints },
): UseCases {
  const { clock, wall, log } = deps;
  const clusterId = repository.view.cluster()?.value.id;
  if (clusterId === undefined) throw new DomainError('not_initialised', 'store: holds no cluster; run "nc-server init" first');
  const trust = {
    bundle: () => latestBundle(repository.view),
    bundlesAfter: (version: number) => bundlesAfter(repository.view, version),
    crl: () => repository.view.crl()?.value.der ?? new Uint8Array(),
  };
  const facts: ClusterFacts = new ClusterFacts({ ...deps, others: () => replicas.refuges(), repository, staleMs, zone: config.zone, trust, startedAtMs: clock.now() });
  const pools = new AddressPools(repository);
  const own = new OwnReplica(config.replica);
  const isShared = config.store.engine === 'etcd';
  const isObserver = config.replica.role === 'observer';
  const presence = new PresenceBoard({ store, clock, log, replica: own.id, stored: isShared ? (network, nodeId) => repository.view.presence(network, nodeId) : undefined });
  if (isShared) followPresence(repository, presence);
  const revocations = new Revocations({ repository, signer: pki, clock: wall });
  const tokens = new Tokens({ repository, pools, clock, pinnedGeneration: () => pki.pinnedGeneration });
  const addresses = new AddressTaking({ pools, presence });
  const reports = new Reports(clock);
  const bundles = new NodeBundles({ repository, log });
  const isHere = (nodeId: string): boolean => presence.isHere(nodeId);
  const roles = new Roles({ repository, store, id: own.id, isShared, isObserver, clock: wall, log });
  const others: OtherServers = {
    own: own.id,
    isElsewhere: (network, nodeId) => {
      const known = repository.view.presence(network, nodeId)?.value;
      return known !== undefined && known.state !== STATE.idle && known.replica !== own.id;
    },
    isLive: (server) => replicas.isLive(server),
    asLeader: () => roles.as('upkeep'),
  };
  const feed = new MapFeed({ repository, facts, clock });
  const replicas: ReplicaBoard = new ReplicaBoard({
    view: repository.view,
    own: () => own.describe({ state: () => facts.state(), revision: () => repository.view.rev, agents: () => feed.watcherCount, endpoints: deps.endpoints, version: deps.version, startedAtMs: facts.startedAtMs }),
    ownLeads: () => roles.withoutRecord(),
  });
  const leases = new ServiceLeases({ repository, isHere, others: isShared ? others : undefined, clock, log });
  forgetRemoved(repository, [presence, reports]);
  return {
    facts,
    own,
    replicas,
    roles,
    drain: new Drain({ repository, board: replicas, facts, feed, leave: () => roles.leave(), clock: wall, log }),
    signalBus: isShared ? new SignalBus({ repository, feed, own: own.id, isLive: (server) => replicas.isLive(server), clock: wall, log }) : undefined,
    servers: isShared ? new ServerList({ repository, board: replicas, feed }) : undefined,
    pools,
    presence,
    reports,
    bundles,
    tokens,
    authorities: new Authorities({ repository, pki, bundles, presence, tokens, revocations, clock: wall, log }),
    revocations,
    routes: new Routes({ repository, certifier: pki, revocations, clock: wall, log }),
    nodes: new Nodes({ repository, presence, revocations, clock, quarantineMs: config.addresses.quarantineMs }),
    apiTokens: new ApiTokens({ repository, clock }),
    admins: new Admins({ repository, issuer: pki, clock: wall }),
    refusals: new RefusalAudit({ store: isObserver ? { txn: () => Promise.reject(readOnly(repository.view, config.replica.name)) } : store, clock, log }),
    registrations: new Registrations({ repository, addresses, uses: new TokenUses(), issuer: datedBy(wall, pki), clock }),
    renewals: new Renewals({ repository, issuer: pki, clock: wall, log, isConnected: isHere }),
    leases,
    services: new ServiceRegistry({ repository, leases, isHere, clock, ...(isShared && { counter: own.id }) }),
    events: new EventTail(repository),
    feed,
    relays: new Relays({ repository, issuer: pki, revocations, clock: wall }),
    relayBoard: new RelayBoard(wall),
    relayFeed: new RelayFeed({ repository, facts, clock }),
  };
}

function datedBy(wall: Clock, issuer: NodeCertificateIssuer): NodeCertificateIssuer {
  return { issueNodeCertificates: (request) => issuer.issueNodeCertificates({ ...request, nowMs: wall.now() }) };
}
