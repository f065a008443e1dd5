import { parseHostPort } from '../domain/host-port.js';
import { formatJoinString, MAX_ENDPOINTS } from '../domain/join-string.js';
import { Secret } from '../domain/secret.js';
import { AdminServiceService } from '../gen/networkcontroller/v1/admin.js';
import { BootstrapServiceService } from '../gen/networkcontroller/v1/bootstrap.js';
import { NodeServiceService } from '../gen/networkcontroller/v1/node.js';
import { RelayServiceService } from '../gen/networkcontroller/v1/relay.js';
import type { Clock } from '../platform/clock.js';
import type { ServerConfig } from '../platform/config/server-config.js';
import type { Log } from '../platform/log.js';
import { asAnonymous, asLocal } from './auth/authenticate.js';
import { clientCertificates } from './auth/client-certificate.js';
import type { GuessLimit } from './auth/guess-limit.js';
import { RegisterCookies } from './auth/register-cookie.js';
import type { Names } from './dns/start-names.js';
import type { HttpsServerOptions } from './http/https-server.js';
import type { PurposeOf } from './http/peer.js';
import { httpsApp } from './http-apps.js';
import { sourceOf } from './auth/source.js';
import type { ServerIdentity } from './jobs/server-certificate.js';
import type { KeyProofs } from './pki/key-proofs.js';
import type { Rendezvous } from './rendezvous/rendezvous.js';
import type { ServerState } from './server-state.js';
import type { Refusal } from './services/audit.js';
import { Explanations } from './services/explain/explanations.js';
import { Signals } from './services/signals.js';
import type { RefusedFor } from './transport/connection-limits.js';
import { adminHandlers } from './transport/admin-handlers.js';
import { bootstrapHandlers } from './transport/bootstrap-handlers.js';
import type { GrpcServerOptions } from './transport/grpc-server.js';
import { relayHandlers } from './transport/relay-handlers.js';
import { nodeHandlers } from './transport/node-handlers.js';
import type { Reads } from './transport/reads.js';
import { service } from './transport/service.js';
import type { SnapshotUse } from './transport/snapshot-handlers.js';
import type { UseCases } from './use-cases.js';

/** What the listeners are made of. */
export interface ListenerDeps {
  readonly state: ServerState;
  readonly config: ServerConfig;
  readonly cases: UseCases;
  readonly dns: Names;
  readonly rendezvous: Rendezvous;
  readonly snapshots: SnapshotUse;
  readonly identity: ServerIdentity;
  readonly guesses: GuessLimit;
  readonly proofs: KeyProofs;
  /** Told of every call when it is over. */
  readonly onEnded: GrpcServerOptions['onEnded'];
  readonly clock: Clock;
  readonly wall: Clock;
  readonly log: Log;
}

/** The doors: bootstrap (server TLS), control (mutual TLS), https (server TLS, a client certificate where a route wants one), admin (unix socket). */
export function listenersOf(deps: ListenerDeps): Record<'bootstrap' | 'control' | 'admin', GrpcServerOptions> & { readonly https: HttpsServerOptions } {
  const { state, config, cases, dns, rendezvous, identity, guesses, proofs, onEnded, clock, wall, log } = deps;
  const { repository, pki } = state;
  const signals = new Signals({ repository, feed: cases.feed, reflexive: (nodeId) => rendezvous.endpointOf(nodeId), elsewhere: cases.signalBus });
  const cookies = new RegisterCookies(pki.deriveSecret('register cookie'));
  const live = { presence: cases.presence, reports: cases.reports, endpointOf: (nodeId: string) => rendezvous.endpointOf(nodeId) };
  const explanations = new Explanations({
    repository,
    live: { ...live, lastHandshakeMs: (nodeId) => rendezvous.lastHandshakeMs(nodeId) },
    feed: cases.feed,
    clusterId: pki.clusterId,
    clock: wall,
  });
  const admin = service(
    AdminServiceService,
    adminHandlers({ ...cases, repository, live, explanations, snapshots: deps.snapshots, names: dns, defaultExpireMs: config.tokens.defaultExpireMs, joinString: joinStrings(deps) }),
  );
  const node = service(NodeServiceService, nodeHandlers({ ...cases, repository, signals, clock: wall, proofs }));
  const bootstrap = service(BootstrapServiceService, bootstrapHandlers({ ...cases, cookies, proofs, clock, guesses }));
  const relay = service(RelayServiceService, relayHandlers({ ...cases, proofs }));
  const reads: Reads = {
    epoch: cases.facts.epoch,
    rev: () => repository.view.rev,
    staleMs: () => state.staleMs(),
    currentRev: () => state.store.currentRev(),
    reached: (rev) => repository.reached(rev),
    clock: wall,
  };
  const { bindAddress: host, limits } = config;
  const onRefused = (reason: RefusedFor, address: string): void => cases.refusals.note(turnedAway(reason, address));
  const told = { onRefusal: (refusal: Refusal): void => cases.refusals.note(refusal), onEnded };
  const authenticate = clientCertificates({
    view: repository.view,
    clusterId: pki.clusterId,
    clock: wall,
    promote: (serial) => cases.renewals.promote(serial),
    onSuperseded: (row, address) => log.warn('superseded certificate used: a copy of the node may be about', { nodeId: row.subjectId, serial: row.serial, address }),
  });
  const purposeOf: PurposeOf = (certificate) => pki.purposeOf(certificate);
  return {
    bootstrap: {
      listen: { key: 'server.bootstrapPort', host, port: config.bootstrapPort, tls: identity.bootstrap, limits, onRefused },
      services: [bootstrap],
      authenticate: asAnonymous,
      messageBytes: limits.bootstrapMessageBytes,
      log,
      ...told,
    },
    control: {
      listen: { key: 'server.grpcPort', host, port: config.grpcPort, tls: identity.control, limits, onRefused },
      services: [node, relay, admin],
      authenticate,
      messageBytes: limits.messageBytes,
      reads,
      clock: wall,
      log,
      ...told,
    },
    https: {
      listen: { key: 'server.httpsPort', host, port: config.httpsPort, tls: identity.https, limits, onRefused },
      app: httpsApp({ config, cases, repository, dns, live, authenticate, purposeOf, guesses, clock, onRefusal: told.onRefusal, log }),
      purposeOf,
      log,
    },
    admin: { listen: { socketPath: config.adminSocket }, services: [admin, node], authenticate: asLocal, messageBytes: limits.messageBytes, reads, log, ...told },
  };
}

/** A connection turned away before TLS, as the audit log tells it. Where a bound is everybody's, one record tells of all sources. */
function turnedAway(reason: RefusedFor, address: string): Refusal {
  const isShared = reason === 'connections' || reason === 'handshakes';
  return { actor: 'unknown', peerAddress: isShared ? '' : sourceOf(address), method: 'connect', result: 'rate_limited', reason: `more than server.limits.${reason}` };
}

/** Puts a new token's id and secret together with the pins and the endpoints. */
function joinStrings({ state, cases }: ListenerDeps): (id: string, secret: string) => string {
  return (id, secret) => {
    const at = cases.facts.bootstrapEndpoints().slice(0, MAX_ENDPOINTS).map((text) => parseHostPort(text));
    return formatJoinString({ token: { id, secret: new Secret(secret) }, pins: state.pki.pins.slice(0, 2), endpoints: at }).reveal();
  };
}
