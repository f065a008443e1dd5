import { wireGuardPublicKey } from '../platform/wireguard/keys.js';
import { systemClock, type Clock } from '../platform/clock.js';
import { Lifecycle, type Stoppable } from '../platform/lifecycle.js';
import type { JsonLines } from '../platform/json-lines.js';
import type { Log } from '../platform/log.js';
import { RELAY_PROTOCOL } from '../platform/packet-stream.js';
import { VERSION } from '../platform/version.js';
import type { ServerConfig } from '../platform/config/server-config.js';
import { startNames } from './dns/start-names.js';
import type { Dns } from './dns/start-dns.js';
import { endpointsOf, type ListeningPorts } from './endpoints.js';
import { GuessLimit } from './auth/guess-limit.js';
import { startHttpsServer } from './http/https-server.js';
import { startPlainServer } from './http/plain-server.js';
import { plainDnsApp } from './http-apps.js';
import { ServerIdentity } from './jobs/server-certificate.js';
import { listenersOf } from './listeners.js';
import { Sweeper } from './jobs/sweeper.js';
import { Metrics } from './metrics/metrics.js';
import { startMonitoring } from './metrics/start-monitoring.js';
import { AbsentNodes } from './replicas/absent-nodes.js';
import { ReplicaKeeper } from './replicas/replica-keeper.js';
import { KeyProofs } from './pki/key-proofs.js';
import { followPeers, peerFinder } from './rendezvous/peer-feed.js';
import { RelayDoor } from './rendezvous/relay-door.js';
import type { Rendezvous } from './rendezvous/rendezvous.js';
import { startRendezvous } from './rendezvous/start-rendezvous.js';
import { reflexiveMessage } from './services/signals.js';
import { openServerState, type ServerState } from './server-state.js';
import { planOf } from './services/address-pools.js';
import { archiveEvents } from './services/event-archive.js';
import { exportAudit } from './services/audit-export.js';
import { snapshotBeforeMigration } from './snapshots/before-migration.js';
import { openSnapshots } from './snapshots/open-snapshots.js';
import { RevocationJournal } from './snapshots/revocation-journal.js';
import { SnapshotSchedule } from './snapshots/schedule.js';
import { SnapshotTaking } from './snapshots/snapshot-taking.js';
import { HighWaterClock } from './services/high-water-clock.js';
import { Nodes } from './services/nodes.js';
import { Revocations } from './services/revocations.js';
import type { Repository } from './store/local-view.js';
import { journalFile } from './state-files.js';
import { startGrpcServer } from './transport/grpc-server.js';
import { useCases, type UseCases } from './use-cases.js';

/** What a server is started with beside its configuration. */
export interface ServerDeps {
  readonly log: Log;
  /** Where audit records are copied to, a line each; the store alone keeps them without one. */
  readonly audit?: Pick<JsonLines, 'write'> | undefined;
  /** The machine's unless a test brings its own. */
  readonly clock?: Clock;
  /** Changes the tables of an older version without keeping what they hold. */
  readonly unsafeNoSnapshot?: boolean;
}

/** A server that serves. */
export interface RunningServer {
  readonly clusterId: string;
  /** `metrics` is 0 where none are to be had. */
  readonly ports: ListeningPorts & { readonly dns: readonly number[]; readonly dnsTls: readonly number[]; readonly dnsHttp: readonly number[]; readonly metrics: number };
  readonly adminSocket: string;
  /** Resolves, with the reason, when the store cannot be written any more: the process should end. */
  readonly failed: Promise<Error>;
  /** Ends streams, lets running calls finish, stops everything. Idempotent. */
  stop(): Promise<void>;
}

/** How long a node of an ephemeral token may be away before it is unregistered. */
const EPHEMERAL_IDLE_MS = 30 * 60_000;
/** How long nodes of a server that is gone may take to be seen by another one, or by the same one where there is no other. */
const MOVING_GRACE_MS = 5_000;
const ALONE_GRACE_MS = 60_000;
const HISTORY_MS = 10 * 60_000;

/**
 * Starts the controller, making its folder first if there is none. This is the composition root: everything is constructed
 * here and in `use-cases.ts`, once, top to bottom.
 *
 * @throws DomainError `port_taken`, `config_invalid`, `store_failed`, `key_file_unsafe`, `state_invalid`.
 */
export async function startServer(config: ServerConfig, deps: ServerDeps): Promise<RunningServer> {
  const { log } = deps;
  const parts = new Lifecycle(log);
  const timer = deps.clock ?? systemClock;
  const metrics = new Metrics(VERSION);
  const snapshots = await openSnapshots(config.snapshots, config.workDir);
  const beforeMigration = deps.unsafeNoSnapshot === true ? async () => {} : snapshotBeforeMigration({ snapshots, clock: timer, log });
  const state = await openServerState(config, { clock: timer, log, beforeMigration, onCommit: (batch) => metrics.store.committed(batch) });
  await parts.start('store', () => ({ stop: () => state.close() }));
  await parts.start('revocation journal', () => openJournal(state, config, log));
  if (state.isNew) log.info('cluster made', { clusterId: state.pki.clusterId, workDir: config.workDir });
  const { audit } = deps;
  if (audit !== undefined) await parts.start('audit export', () => ({ stop: exportAudit(state.repository, audit) }));
  const clock = new HighWaterClock(timer, state.repository);

  // Ports are known only once the listeners stand, and asked for only after.
  const ports = { bootstrap: 0, control: 0, wireguard: 0, probe: 0, https: 0, names: [] as readonly number[] };
  const wgPublicKey = wireGuardPublicKey(state.wgPrivateKey);
  const endpoints = () => endpointsOf(config, ports);
  const cases = useCases(state, config, { clock, wall: timer, log, version: VERSION, wgPublicKey, endpoints });
  await publishRestoredList(state, cases);
  await parts.start('presence', () => cases.presence);
  await parts.start('refusals', () => cases.refusals);
  await parts.start('service leases', () => cases.leases);

  const identity = await parts.start('server certificate', () => new ServerIdentity({ pki: state.pki, hosts: config.ip, clock: timer, log }));
  const dns = await parts.start('dns', () => startNames(state, config, { clock, wall: timer, log, tls: identity.bootstrap.material }));
  identity.bootstrap.onRotate(() => dns.setCertificate(identity.bootstrap.material));
  const rendezvous = await parts.start('rendezvous', () => startMeetingPoint(state, config, cases, dns, { clock, log }));
  ports.names = dns.ports;
  ports.wireguard = rendezvous.port;
  ports.probe = rendezvous.probePort;
  await parts.start('feed', () => cases.feed);
  await parts.start('relay feed', () => cases.relayFeed);

  const taking = new SnapshotTaking({ snapshots, store: state.store, repository: state.repository, clock: timer });
  const guesses = new GuessLimit(config.limits.guessesPerMinute, clock);
  const proofs = await parts.start('key checks', () => new KeyProofs({ log }));
  const listeners = listenersOf({
    ...{ state, config, cases, dns, rendezvous, identity, guesses, proofs, clock, wall: timer, log },
    snapshots: { place: snapshots.place, list: () => snapshots.list(), verify: (name) => snapshots.verify(name), saveFor: (caller) => taking.saveFor(caller) },
    onEnded: (call) => metrics.calls.ended(call),
  });
  const control = await parts.start('control listener', () => startGrpcServer(listeners.control));
  ports.control = control.port;
  const https = await parts.start('https listener', () => startHttpsServer(listeners.https));
  ports.https = https.port;
  const relayDoor = await parts.start('relay over TCP', () => new RelayDoor({ repository: state.repository, rendezvous, clock: timer }));
  https.onUpgrade(RELAY_PROTOCOL, (upgrade) => relayDoor.take(upgrade));
  const http = await Promise.all(config.dns.http.map((at) => parts.start('dns over http', () => startPlainServer(at, plainDnsApp(dns, log), 'server.dns.http'))));
  cases.authorities.onChanged(({ endSessions }) => {
    identity.renew();
    if (endSessions) [control, https].forEach((listener) => listener.disconnect());
  });
  const bootstrap = await parts.start('bootstrap listener', () => startGrpcServer(listeners.bootstrap));
  ports.bootstrap = bootstrap.port;
  const admin = await parts.start('admin socket', () => startGrpcServer(listeners.admin));
  await parts.start('upkeep', () => cases.roles.take('upkeep', (repository) => upkeep(repository, state, config, cases, { clock, timer, log })));
  const { everyMs, keepDaily: daily, keepWeekly: weekly } = config.snapshots;
  await parts.start('snapshots', () =>
    cases.roles.take('copies', () => new SnapshotSchedule({ snapshots, save: () => taking.save(), clusterId: state.pki.clusterId, epoch: cases.facts.epoch, everyMs, retention: { daily, weekly }, clock: timer, log })),
  );
  await parts.start('history', () => forgetHistory(state, config, cases, timer, log));
  const monitors = await startMonitoring(parts, config, {
    metrics,
    sources: { cluster: { view: state.repository.view, feed: cases.feed, guesses }, listeners: { control, bootstrap, https, admin }, rendezvous, dns },
    state: () => cases.facts.state(),
    log,
  });
  const { names, ...listening } = ports;
  const all = { ...listening, dns: names, dnsTls: dns.tlsPorts, dnsHttp: http.map(({ port }) => port), metrics: monitors };
  cases.facts.enter('running');
  await startReplica(parts, state, cases, { clock: timer, log });
  log.info('serving', { ...all, adminSocket: config.adminSocket });

  return {
    clusterId: state.pki.clusterId,
    ports: all,
    adminSocket: config.adminSocket,
    failed: state.failed,
    stop: () => stop(parts, cases, [control, bootstrap, https, admin]),
  };
}

/** Tells the other servers of this one, where there may be others. */
async function startReplica(parts: Lifecycle, { lease }: ServerState, { own, replicas, drain, servers }: UseCases, deps: { clock: Clock; log: Log }): Promise<void> {
  if (lease === undefined) return;
  const keeper = await parts.start('replica record', () => ReplicaKeeper.start({ lease, describe: () => replicas.own(), measure: () => own.measure(), ...deps }));
  drain.onBegin(() => {
    void keeper.refresh();
    servers?.changed();
  });
}

/** Says goodbye before anything is closed: agents are told to come back, streams end, running calls finish. */
async function stop(parts: Lifecycle, cases: UseCases, listeners: readonly { drain(): Promise<void> }[]): Promise<void> {
  await cases.drain.empty();
  await Promise.all(listeners.map((listener) => listener.drain()));
  await parts.stop();
}

/** The rendezvous, kept in step with the store, telling presence what it sees and DNS what it is asked. */
async function startMeetingPoint(
  { repository, wgPrivateKey }: ServerState,
  config: ServerConfig,
  { presence, feed }: UseCases,
  dns: Dns,
  deps: { clock: Clock; log: Log },
): Promise<Rendezvous> {
  const rendezvous = await startRendezvous({
    ...deps,
    privateKey: wgPrivateKey,
    host: config.bindAddress,
    port: config.port,
    probePort: config.port === 0 ? 0 : config.port + 1,
    findPeer: peerFinder(repository.view),
    events: {
      onEndpoint: (nodeId, endpoint) => {
        presence.endpointSeen(nodeId, endpoint);
        feed.send(nodeId, reflexiveMessage(endpoint));
      },
      onHandshake: (nodeId) => presence.tunnelSeen(nodeId),
      onDnsQuery: (query, from) => dns.answer(query, from),
    },
  });
  followPeers(rendezvous, repository, (record) => {
    const plan = planOf(record);
    return plan.addressesOf(plan.controllerHost);
  });
  return rendezvous;
}

/** What one server does for all: tidying. Its use cases write as the leader. */
function upkeep(repository: Repository, { pki, lease }: ServerState, config: ServerConfig, { presence, replicas }: UseCases, { clock, timer, log }: { clock: HighWaterClock; timer: Clock; log: Log }): Stoppable {
  const revocations = new Revocations({ repository, signer: pki, clock: timer });
  const nodes = new Nodes({ repository, presence, revocations, clock, quarantineMs: config.addresses.quarantineMs });
  const sweeper = new Sweeper({ ...sweeperSettings(config), repository, nodes, revocations, clock, timer, log });
  const absent = new AbsentNodes({ repository, isLive: (id) => replicas.isLive(id), graceMs: lease === undefined ? ALONE_GRACE_MS : MOVING_GRACE_MS, clock: timer, log });
  return {
    async stop() {
      await Promise.all([sweeper.stop(), absent.stop()]);
    },
  };
}

function sweeperSettings({ tokens }: ServerConfig): { intervalMs: number; keepSpentMs: number; ephemeralIdleMs: number } {
  return { intervalMs: tokens.sweepIntervalMs, keepSpentMs: tokens.keepSpentMs, ephemeralIdleMs: EPHEMERAL_IDLE_MS };
}

/** What ends is written down beside the store, too. */
function openJournal({ repository, pki }: ServerState, config: ServerConfig, log: Log): RevocationJournal {
  const epoch = repository.view.cluster()?.value.epoch ?? '';
  return new RevocationJournal(journalFile(config), { repository, clusterId: pki.clusterId, epoch, log });
}

/** After a restore the revocation list is of another time: agents must not be served before there is one of this. */
async function publishRestoredList({ repository }: ServerState, { revocations }: UseCases): Promise<void> {
  if (repository.view.crl()?.value.thisUpdateMs === 0) await revocations.refresh();
}

/** Bounds the event log; what goes is in the archive first, which one server keeps. */
function forgetHistory(state: ServerState, { events }: ServerConfig, { roles }: UseCases, timer: Clock, log: Log): { stop(): void } {
  const { view } = state.repository;
  const tidy = async (): Promise<void> => {
    if (events.archive !== undefined && roles.as('copies') !== undefined) await archiveEvents(view, view.cluster()?.value.epoch ?? '', events.archive);
    await state.forgetHistory(events);
  };
  const cancel = timer.every(HISTORY_MS, () => {
    tidy().catch((error: unknown) => log.warn('history not archived and compacted, will be tried again', { error: String(error) }));
  });
  return { stop: cancel };
}
