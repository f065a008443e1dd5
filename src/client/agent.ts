import { DomainError } from '../domain/errors.js';
import type { PathReport, ReportRequest, WatchResponse } from '../gen/networkcontroller/v1/node.js';
import type { Endpoint, NetworkConfig } from '../gen/networkcontroller/v1/types.js';
import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Device, DeviceState } from '../platform/wireguard/device.js';
import { formatWireGuardKey } from '../platform/wireguard/keys.js';
import { Applier } from './applier.js';
import type { ControlHandlers, ControlState } from './control-link.js';
import type { MapStore, NetworkMap } from './map-store.js';
import { wirePathKind } from './path-kind.js';
import type { PathProbes } from './path-probes.js';
import type { Paths, PathState } from './path-types.js';
import { planDevice, type PlanSelf } from './plan.js';
import { resolveEndpoints } from './resolve-endpoints.js';

/** The parts that the agent conducts. */
export interface AgentDeps {
  readonly agentVersion: string;
  readonly self: PlanSelf;
  readonly maps: MapStore;
  readonly device: Device;
  readonly paths: Paths;
  readonly probes: PathProbes;
  readonly clock: Clock;
  readonly log: Log;
  /** Where this node may be reached now. */
  candidates(): readonly Endpoint[];
  /** Node id → the direct endpoint that worked last, for a start without the controller. */
  direct(): Readonly<Record<string, string>>;
  bundleVersion(): number;
  /** The map has changed; what hangs on it but is not the device's business. */
  onMap(map: NetworkMap): void;
  /** A connection to a controller has been made. */
  onConnected(): void;
  /** The interface listens on this UDP port. */
  onListening(port: number, network: NetworkConfig): void;
  /** The node's own reflexive endpoint has changed. */
  onReflexive(endpoint: Endpoint): void;
  /** Something happened that the controller should hear of soon. */
  reportSoon(): void;
  /** Something happened that somebody may be waiting for. */
  reportNow(): void;
  /** The controller will not take this node back. */
  onEnd(error: DomainError): void;
  /** No controller could be reached, or none that can be believed. */
  onUnreachable(): void;
  /** The controller does not take the node's certificate. */
  onCertificateRefused(): void;
}

/** A session older than this is dead. @see WireGuard whitepaper §6.1, Reject-After-Time */
const SESSION_MS = 180_000;
/** A joining node waits for its first handshake, so that is looked for often at first, then each second. */
const FIRST_HANDSHAKE_POLL_MS = { shortest: 30, longest: 1000 } as const;
/** Certificates end while nothing else happens; a machine that slept, or whose clock was set, finds out this soon. */
const REVERIFY_MS = 60_000;

/**
 * Watch → verify → plan → apply → report, and nothing else.
 *
 * Whatever the controller says becomes a verified map, the map becomes a plan, the plan becomes the device. Losing the controller
 * changes none of the three.
 */
export class Agent implements ControlHandlers {
  readonly #deps: AgentDeps;
  readonly #applier: Applier;
  readonly #startedAtMs: number;
  readonly #unreported = new Set<string>();
  #controlState: ControlState = 'connecting';
  #appliedRevision = 0n;
  #deviceError = '';
  #deviceLost = false;
  #configured = false;
  #readyAfterMs = 0;
  #markReady: () => void = () => {};
  /** Resolves when the tunnel to the controller is up; on a recorded device, when it has been configured. */
  readonly ready = new Promise<void>((resolve) => {
    this.#markReady = resolve;
  });
  #stopped = false;
  #cancelReverify: () => void = () => {};
  #cancelLook: () => void = () => {};

  constructor(deps: AgentDeps) {
    this.#deps = deps;
    this.#startedAtMs = deps.clock.now();
    this.#applier = new Applier(deps.clock, () => this.#apply(), (error) => this.#onDeviceFailure(error as Error));
  }

  /** Applies the cached map, if there is one, and begins to look after the device. */
  start(): void {
    const { device, paths, maps } = this.#deps;
    device.onLost((reason) => this.#onDeviceLost(reason));
    paths.onChange(({ nodeId }) => this.#onPathChange(nodeId));
    // The report of a new connection says that the tunnel is down, because it is just being made anew.
    paths.onTunnelUp(() => this.#deps.reportNow());
    this.#lookForTunnel();
    this.#awaitEnds();
    if (maps.current() !== undefined) this.#mapChanged();
  }

  /** Ends the agent's own work; the device stays as it is. Idempotent. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelReverify();
    this.#cancelLook();
    await this.#applier.stop();
  }

  /** Why the device is not as it should be, or empty. */
  get deviceError(): string {
    return this.#deviceError;
  }

  /** Milliseconds from the start until the tunnel was up; 0 before. */
  get readyAfterMs(): number {
    return this.#readyAfterMs;
  }

  /** Whether the device has been configured from a map. */
  get configured(): boolean {
    return this.#configured;
  }

  /** Whether the tunnel to the controller has a live session. */
  async tunnelUp(): Promise<boolean> {
    return this.#hasSession(await this.#deps.device.observe());
  }

  beginStream(): { epoch: string; fromRevision: bigint; agentVersion: string } {
    const { maps, agentVersion } = this.#deps;
    maps.beginStream();
    const { epoch, revision } = maps.position();
    return { epoch, fromRevision: revision, agentVersion };
  }

  onMessage({ message }: WatchResponse): void {
    const { maps, paths, log } = this.#deps;
    switch (message?.$case) {
      case 'snapshot':
        if (maps.applySnapshot(message.value)) this.#mapChanged();
        return;
      case 'delta':
        if (maps.applyDelta(message.value)) this.#mapChanged();
        return;
      case 'reset':
        log.info('the controller sends the whole map again', { reason: message.value.reason });
        return;
      case 'signal':
        paths.receive(message.value);
        return;
      case 'progress':
        maps.applyProgress(message.value.revision);
        return;
      case 'reflexive':
        this.#deps.onReflexive(message.value);
        return;
      case 'pathsWanted':
        void this.#probe(message.value.nodeIds);
        return;
      case 'goAway':
        log.info('the controller is about to stop');
        return;
      case undefined:
        return;
    }
  }

  onState(state: ControlState): void {
    const wasOffline = this.#controlState === 'offline';
    this.#controlState = state;
    const { paths } = this.#deps;
    if (state !== 'connected') {
      paths.disconnected();
      return;
    }
    // Another replica, or the same one after a restart, knows nothing of our paths.
    for (const { nodeId } of paths.paths()) this.#unreported.add(nodeId);
    if (wasOffline) paths.relayRestarted();
    paths.connected();
    this.#deps.onConnected();
  }

  onEnd(error: DomainError): void {
    this.#deps.onEnd(error);
  }

  onUnreachable(): void {
    this.#deps.onUnreachable();
  }

  onCertificateRefused(): void {
    this.#deps.onCertificateRefused();
  }

  async report(): Promise<ReportRequest> {
    const { agentVersion, bundleVersion, candidates, paths } = this.#deps;
    return {
      appliedRevision: this.#appliedRevision,
      bundleVersion: bundleVersion(),
      candidates: [...candidates()],
      paths: this.#deps.probes.addTo(paths.paths().filter(({ nodeId }) => this.#unreported.has(nodeId)).map(toPathReport), this.#refusals()),
      tunnelUp: await this.tunnelUp(),
      agentVersion,
    };
  }

  onReported({ paths }: ReportRequest): void {
    for (const { nodeId } of paths) this.#unreported.delete(nodeId);
    this.#deps.probes.told(paths);
  }

  /** Addresses or routes of the machine changed. */
  networkChanged(): void {
    this.#deps.paths.networkChanged();
    this.#deps.reportSoon();
  }

  async #probe(nodeIds: readonly string[]): Promise<void> {
    const { probes, maps, reportNow } = this.#deps;
    await probes.run(nodeIds, maps.current()?.peers ?? []);
    for (const nodeId of nodeIds) this.#unreported.add(nodeId);
    reportNow();
  }

  #refusals(): ReadonlyMap<string, string> {
    return new Map((this.#deps.maps.current()?.refused ?? []).map(({ peer, reason }) => [peer.nodeId, reason]));
  }

  #mapChanged(): void {
    const map = this.#deps.maps.current();
    if (map === undefined) return;
    this.#deps.onMap(map);
    this.#applier.request();
    this.#awaitEnds();
  }

  /** Takes a peer off the device when its certificate ends: WireGuard itself never looks. */
  #awaitEnds(): void {
    const { clock, maps } = this.#deps;
    this.#cancelReverify();
    this.#cancelReverify = clock.after(Math.min(REVERIFY_MS, Math.max(1, maps.nextEndMs() - clock.now())), () => {
      if (maps.reverify()) this.#applier.request();
      this.#awaitEnds();
    });
  }

  async #apply(): Promise<void> {
    const { maps, device, paths, self } = this.#deps;
    const map = maps.current();
    if (map === undefined) return;
    const network = await withResolvedController(map.network);
    const direct = this.#controlState === 'connected' ? {} : this.#deps.direct();
    await device.set(planDevice({ self, network, peers: map.peers, direct }));
    this.#deps.onListening((await device.observe())?.listenPort ?? 0, network);
    paths.setPeers(network.interconnection ? map.peers : [], network.controller);
    if (this.#deviceLost) paths.deviceRestored();
    this.#deviceLost = false;
    this.#deviceError = '';
    this.#configured = true;
    this.#appliedRevision = map.revision;
    requireEndpoint(map.network.controller?.endpoints ?? [], network.controller?.endpoints ?? []);
  }

  #onDeviceFailure(error: Error): void {
    if (this.#deviceError !== error.message) this.#deps.log.warn('the interface could not be configured; trying again', { reason: error.message });
    this.#deviceError = error.message;
  }

  #onDeviceLost(reason: string): void {
    this.#deps.log.warn('the interface was lost; making it again', { reason });
    this.#deviceLost = true;
    this.#deviceError = reason;
    this.#applier.request();
  }

  #onPathChange(nodeId: string): void {
    this.#unreported.add(nodeId);
    this.#deps.reportSoon();
  }

  /** Looks again until the first handshake, less often the longer it takes. */
  #lookForTunnel(): void {
    const waitedMs = this.#deps.clock.now() - this.#startedAtMs;
    const { shortest, longest } = FIRST_HANDSHAKE_POLL_MS;
    this.#cancelLook = this.#deps.clock.after(Math.min(longest, Math.max(shortest, waitedMs / 10)), () => {
      void this.#noticeTunnel().then((up) => !up && !this.#stopped && this.#lookForTunnel());
    });
  }

  async #noticeTunnel(): Promise<boolean> {
    const carriesPackets = this.#deps.device.kind !== 'recorded';
    const up = this.#configured && (!carriesPackets || (await this.tunnelUp().catch(() => false)));
    if (!up) return false;
    this.#readyAfterMs = Math.max(1, this.#deps.clock.now() - this.#startedAtMs);
    this.#deps.log.info('the tunnel is up', { ms: this.#readyAfterMs });
    this.#markReady();
    this.#deps.reportNow();
    return true;
  }

  #hasSession(state: DeviceState | undefined): boolean {
    const controller = this.#deps.maps.current()?.network.controller;
    if (controller === undefined) return false;
    const atMs = state?.peers.get(formatWireGuardKey(controller.wgPublicKey))?.latestHandshakeMs ?? 0;
    return atMs > 0 && this.#deps.clock.now() - atMs < SESSION_MS;
  }
}

async function withResolvedController(network: NetworkConfig): Promise<NetworkConfig> {
  const { controller } = network;
  if (controller === undefined) return network;
  return { ...network, controller: { ...controller, endpoints: await resolveEndpoints(controller.endpoints) } };
}

/** The interface is as good as it can be, but nothing goes out: worth saying and worth another try. */
function requireEndpoint(named: readonly string[], resolved: readonly string[]): void {
  if (named.length > 0 && resolved.length === 0) {
    throw new DomainError('unavailable', `${named.join(', ')}: the controller's host name does not resolve`);
  }
}

function toPathReport({ nodeId, kind, endpoint, lastHandshakeMs }: PathState): PathReport {
  return { nodeId, path: wirePathKind(kind), endpoint, rttUs: 0, lastHandshakeMs, tried: false, refused: '' };
}
