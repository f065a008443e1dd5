import { DomainError } from '../domain/errors.js';
import type { AgentServiceGetStatusResponse } from '../gen/networkcontroller/v1/agent.js';
import type { TrustBundle } from '../gen/networkcontroller/v1/types.js';
import { systemClock, type Clock } from '../platform/clock.js';
import { silentLog, type Log } from '../platform/log.js';
import { monitorNetwork } from '../platform/network-monitor.js';
import { VERSION } from '../platform/version.js';
import { chooseDevice } from '../platform/wireguard/choose-device.js';
import type { Device } from '../platform/wireguard/device.js';
import { formatWireGuardKey, parseWireGuardKey, wireGuardPublicKey } from '../platform/wireguard/keys.js';
import { readCertificate } from '../platform/x509/ca-bundle.js';
import { watchAddresses } from './address-watch.js';
import { Agent } from './agent.js';
import { serveAgentApi } from './agent-api.js';
import { agentStatus } from './agent-status.js';
import type { ClientConfig } from '../platform/config/client-config.js';
import { ControlLink } from './control-link.js';
import { Ending } from './ending.js';
import { EndpointMemory } from './endpoint-memory.js';
import { EndpointOrder } from './endpoint-order.js';
import { HostDns } from './host-dns/host-dns.js';
import { KnownServers } from './known-servers.js';
import { LazyPeers } from './lazy/lazy-peers.js';
import { MapKeeper } from './map-keeper.js';
import { MapNames } from './map-names.js';
import { MapStore } from './map-store.js';
import { MembershipHolder } from './membership-holder.js';
import { openSession, recoverAnywhere, relayTls } from './node-session.js';
import { PathProbes } from './path-probes.js';
import { pingOnce } from './ping-once.js';
import { startPaths } from './paths.js';
import { newerOwnCertificate } from './own-certificate.js';
import { NetworkTrust } from './peer-trust.js';
import { OwnCandidates } from './own-candidates.js';
import { offeredRoutes, Reach } from './reach/reach.js';
import { openRelayConnection } from './relay-connection.js';
import { Renewal } from './renewal.js';
import { resolveEndpoints } from './resolve-endpoints.js';
import { listOffers, offerService } from './services/offer-requests.js';
import { ServiceOffers } from './services/service-offers.js';
import { StateFolder } from './state/state-folder.js';
import { TrustWalk } from './trust-walk.js';

/** What an embedder or a test may put in the place of the machine's own. */
export interface AgentOptions {
  readonly log?: Log;
  readonly clock?: Clock;
  readonly device?: Device;
  /** 0 to 1, for jitter. */
  readonly random?: () => number;
}

/** A node's agent at work. */
export interface RunningAgent {
  status(): Promise<AgentServiceGetStatusResponse>;
  /** Resolves when the tunnel is up; on a recorded device, when it has been configured. */
  readonly ready: Promise<void>;
  /** Resolves when the agent has ended: with the refusal when the controller will not take the node back. */
  readonly ended: Promise<DomainError | undefined>;
  /** Ends the agent. The interface goes with it unless `keepInterface` is set. Idempotent. */
  stop(options?: { readonly keepInterface?: boolean }): Promise<void>;
}

/**
 * Starts the agent of a node that has joined. The tunnel comes up from the cached map at once, whether the controller
 * answers or not.
 *
 * @throws DomainError `not_initialised` before the join, `conflict` when an agent runs already, `key_file_unsafe`, `state_invalid`.
 */
export async function startAgent(config: ClientConfig, options: AgentOptions = {}): Promise<RunningAgent> {
  const machine = { clock: options.clock ?? systemClock, log: options.log ?? silentLog, random: options.random ?? Math.random };
  const state = StateFolder.open(config.stateDir, machine.log);
  const parts = assemble(config, state, requireMembership(state), { ...machine, ...options });
  // Up to here files were read; from here on the machine is touched.
  return conduct(config, state, parts, machine.clock, machine.log);
}

function requireMembership(state: StateFolder): MembershipHolder {
  const membership = state.membership();
  if (membership !== undefined) return new MembershipHolder(state, membership);
  throw new DomainError('not_initialised', `${state.path}: this node has not joined; run "nc-client join" and give it a join string on stdin`);
}

type Parts = ReturnType<typeof assemble>;

/** Makes every part once, top to bottom. Parts that know each other meet in the handlers. */
function assemble(config: ClientConfig, state: StateFolder, membership: MembershipHolder, options: Required<Omit<AgentOptions, 'device'>> & AgentOptions) {
  const { clock, log, random } = options;
  const { keys, bundle, facts } = membership.current;
  const publicKey = formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(keys.wireguard)));
  const memory = new EndpointMemory(state, clock, log);
  const device =
    options.device ?? chooseDevice(config.device, { interfaceName: config.interfaceName, folder: config.stateDir, publicKey, formerPort: memory.listenPort, clock, log });
  const trust = new NetworkTrust({ clusterId: facts.clusterId, network: facts.network, bundle, log, onBundle: (newer) => keepBundle(newer) });
  const keepBundle = (newer: TrustBundle): void => {
    membership.keepBundle(newer);
    renewal.trustChanged();
    // A CA is not activated before all have said that they know it.
    link.reportSoon();
  };
  const maps = new MapStore({ nodeId: facts.nodeId, trust, clock, log });
  const mapKeeper = new MapKeeper(state, clock, log, () => maps.toSnapshot());
  const names = new MapNames();
  const hostDns = config.hostDns === 'off' || device.kind === 'recorded' ? undefined : new HostDns({ interfaceName: config.interfaceName, backupPath: state.resolvConfBackupPath, names, clock, log });
  const needed = (): string[] => [...memory.control, ...membership.current.facts.controlEndpoints, ...membership.current.facts.bootstrapEndpoints, ...config.serverAddr];
  const reach = device.kind === 'recorded' ? undefined : new Reach({ settings: config, backupPath: state.kernelSettingsBackupPath, needed, clock, log });
  const offers = new ServiceOffers(config.services, facts, { calls: () => link.session, clock, log });
  const candidates = new OwnCandidates(config.interfaceName);
  const endpoints = new EndpointOrder([...memory.control, ...facts.controlEndpoints, ...config.serverAddr], memory.lastControl);
  const servers = new KnownServers(config.dataCentre, random);
  const learn = (control: readonly string[]): void => {
    endpoints.replace([...control, ...facts.controlEndpoints, ...config.serverAddr]);
    memory.controlNamed(control);
  };
  const paths = startPaths({
    device,
    clock,
    log,
    self: { publicKey, candidates: () => candidates.list() },
    send: (signals) => link.signal(signals),
    remember: (nodeId, endpoint) => memory.directWorked(nodeId, endpoint),
    // A device without packets hears no answers, over UDP or otherwise.
    ...(device.kind !== 'recorded' && { openTcp: (endpoint) => openRelayConnection(endpoint, relayTls(membership.current)) }),
  });
  // A device without packets has nothing that could tell who is wanted.
  const lazy =
    device.kind === 'recorded'
      ? undefined
      : new LazyPeers({
          privateKey: keys.wireguard,
          limit: config.lazyPeersAbove,
          idleMs: config.lazyPeersIdle,
          awake: memory.awake,
          maps,
          device,
          clock,
          log,
          send: (signals) => link.signal(signals),
          remember: (awake) => memory.areAwake(awake),
          onChanged: () => agent.peersChosen(),
        });
  const ending = new Ending();
  const agent: Agent = new Agent({
    agentVersion: VERSION,
    self: { privateKey: keys.wireguard, publicKey, bindIp: facts.bindIp, bindIp6: facts.bindIp6, listenPort: config.listenPort, mtu: config.mtu },
    offeredRoutes: offeredRoutes(config),
    exit: config.redirectGateway,
    maps,
    device,
    paths,
    lazy,
    probes: new PathProbes({ ping: pingOnce, carriesPackets: () => device.kind !== 'recorded', log }),
    clock,
    log,
    candidates: () => candidates.list(),
    direct: () => memory.direct,
    bundleVersion: () => trust.bundleVersion,
    onMap: (map, delta) => {
      const networkCertificate = newerOwnCertificate(membership.current, map.self, clock.now());
      if (networkCertificate !== undefined) membership.replace({ ...membership.current, networkCertificate });
      names.show(map, delta);
      if (servers.control.length === 0) learn(map.controlEndpoints);
      memory.keepDirectOf((nodeId) => maps.peer(nodeId) !== undefined);
      if (delta === undefined) mapKeeper.replaced();
      else mapKeeper.changed(delta);
    },
    onVerdicts: (map) => names.show(map),
    onServers: (list) => {
      servers.take(list);
      learn(servers.control);
    },
    onReflexive: ({ address }) => candidates.seenAt(address),
    shape: async (map) => reach?.shape(map),
    onListening: (port, network) => {
      candidates.listensOn(port, network);
      memory.listensOn(port);
      const map = maps.current();
      if (map !== undefined) hostDns?.show(map);
    },
    onConnected: () => {
      memory.controlWorked(link.endpoint);
      void offers.register();
    },
    reportSoon: () => link.reportSoon(),
    reportNow: () => link.reportNow(),
    onEnd: (refusal) => ending.refuse(refusal),
    onUnreachable: () => walk.soon(),
    onCertificateRefused: () => renewal.recoverSoon(),
  });
  const link: ControlLink = new ControlLink({ endpoints, connect: (endpoint) => openSession(endpoint, membership.current), handlers: agent, clock, log, random });
  const renewal: Renewal = new Renewal({
    membership,
    session: () => link.session,
    recover: (request) => recoverAnywhere(membership.current, request),
    takeBundle: (newer) => trust.takeBundle(newer),
    onRenewed: () => link.moveOver(),
    onEnd: (refusal) => ending.refuse(refusal),
    clock,
    log,
    random,
  });
  const walk = new TrustWalk({
    endpoints: () => membership.current.facts.bootstrapEndpoints,
    version: () => trust.bundleVersion,
    takeBundle: (newer) => trust.takeBundle(newer),
    onChanged: () => link.reconnect(),
    clock,
    log,
  });
  return { config, membership, memory, device, maps, mapKeeper, names, hostDns, reach, offers, candidates, paths, agent, link, renewal, ending };
}

/** Starts the parts, and gives the handle by which they are asked and stopped. */
async function conduct(config: ClientConfig, state: StateFolder, parts: Parts, clock: Clock, log: Log): Promise<RunningAgent> {
  const { agent, link, renewal, maps, offers, ending } = parts;
  let stopping: Promise<void> | undefined;
  const stop = ({ keepInterface = false } = {}): Promise<void> => (stopping ??= end(keepInterface));
  const end = async (keepInterface: boolean): Promise<void> => {
    try {
      await dismantle(parts, stopWatch, keepInterface);
      // Without its map a refused node does not raise the tunnel at the next start, only to be refused again.
      if (ending.refusal !== undefined) state.forgetNetwork();
    } finally {
      await api.stop();
      ending.done();
    }
  };
  const status = (): Promise<AgentServiceGetStatusResponse> => tellStatus(parts, clock);
  const api = await serveAgentApi(
    state.socketPath,
    {
      status,
      resolve: (request) => parts.names.resolve(request),
      offerService: (request) => offerService(offers, request),
      withdrawService: ({ id }) => offers.remove(id),
      listOffers: () => listOffers(offers),
      stop: (request) => void stop(request),
    },
    log,
  );
  const learnConfigured = async (): Promise<void> => parts.candidates.configuredAt(await resolveEndpoints(config.endpoints));
  // A device that carries no packets has no machine to watch.
  const monitor = parts.device.kind === 'recorded' ? () => () => {} : monitorNetwork;
  const stopWatch = watchAddresses({ clock, monitor, except: config.interfaceName }, (change) => {
    agent.networkChanged(change);
    void learnConfigured();
  });
  void learnConfigured();
  ending.onRefusal((refusal) => {
    log.error('the controller does not take this node back', { code: refusal.code, reason: refusal.message });
    void stop();
  });
  const cached = state.map();
  if (cached !== undefined) {
    maps.applySnapshot(cached);
    for (const delta of state.mapJournal.read()) maps.applyDelta(delta);
  }
  agent.start();
  link.start();
  offers.start();
  renewal.start();
  return { status, stop, ready: agent.ready, ended: ending.ended };
}

/** Ends everything; each step is worth taking even if the one before it failed. */
async function dismantle(parts: Parts, stopWatch: () => void, keepInterface: boolean): Promise<void> {
  const { link, renewal, offers, paths, agent, device, mapKeeper, memory, hostDns, reach } = parts;
  stopWatch();
  renewal.stop();
  if (keepInterface) offers.stop();
  else await offers.withdraw();
  await link.stop();
  await paths.stop();
  await agent.stop();
  // The interface may go on without an agent; names cannot. Only now will no map set them up again.
  await hostDns?.stop();
  // What keeps packets inside the tunnel stays for as long as the interface does.
  if (keepInterface) reach?.release();
  else await reach?.stop();
  mapKeeper.flush();
  memory.flush();
  await (keepInterface ? device.release() : device.remove());
}

async function tellStatus({ renewal, membership, maps, device, agent, link, paths, offers, candidates, hostDns, reach, config }: Parts, clock: Clock): Promise<AgentServiceGetStatusResponse> {
  return agentStatus({
    membership: membership.current.facts,
    map: maps.current(),
    device: { kind: device.kind, interfaceName: device.interfaceName, state: await device.observe(), error: agent.deviceError },
    control: { state: link.state, endpoint: link.endpoint, lastError: link.lastError },
    paths: paths.paths(),
    tcpEndpoint: paths.tcpEndpoint,
    relayAt: (endpoint) => paths.relayAt(endpoint),
    certificateExpiresAtMs: Date.parse(readCertificate(membership.current.grpcCertificate).validTo),
    reflexiveEndpoint: candidates.reflexive,
    tunnelUp: await agent.tunnelUp(),
    configured: agent.configured,
    readyAfterMs: agent.readyAfterMs,
    serviceError: offers.problem,
    hostDnsError: hostDns?.problem ?? '',
    reach: { settings: config, problem: reach?.problem ?? '' },
    renewalError: renewal.lastError,
    pid: process.pid,
    nowMs: clock.now(),
  });
}
