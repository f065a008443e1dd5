import type { DomainError } from '../domain/errors.js';
import type { MapDelta, ReportRequest, WatchResponse } from '../gen/networkcontroller/v1/node.js';
import type { DeviceState } from '../platform/wireguard/device.js';
import { formatWireGuardKey } from '../platform/wireguard/keys.js';
import type { NetworkChange } from './address-watch.js';
import type { AgentDeps } from './agent-deps.js';
import type { ControlHandlers, ControlState } from './control-link.js';
import { DeviceUpkeep } from './device-upkeep.js';
import { PathReports } from './path-reports.js';
import { TunnelWatch } from './tunnel-watch.js';

/** A session older than this is dead. @see WireGuard whitepaper §6.1, Reject-After-Time */
const SESSION_MS = 180_000;
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
  readonly #upkeep: DeviceUpkeep;
  readonly #reports: PathReports;
  readonly #tunnel: TunnelWatch;
  #controlState: ControlState = 'connecting';
  #cancelReverify: () => void = () => {};

  constructor(deps: AgentDeps) {
    this.#deps = deps;
    this.#upkeep = new DeviceUpkeep({
      ...deps,
      direct: () => (this.#controlState === 'connected' ? {} : deps.direct()),
      shape: (map) => deps.shape(map),
      onListening: (port, network) => deps.onListening(port, network),
    });
    this.#reports = new PathReports(deps.paths, deps.probes);
    this.#tunnel = new TunnelWatch(deps.clock, () => this.#isReady(), (ms) => this.#onReady(ms));
  }

  /** Applies the cached map, if there is one, and begins to look after the device. */
  start(): void {
    const { paths, maps } = this.#deps;
    this.#upkeep.start();
    this.#deps.lazy?.start();
    paths.onChange(({ nodeId }) => this.#onPathChange(nodeId));
    // The report of a new connection says that the tunnel is down, because it is just being made anew.
    paths.onTunnelUp(() => this.#deps.reportNow());
    this.#tunnel.start();
    this.#awaitEnds();
    if (maps.current() !== undefined) this.#mapChanged(undefined);
  }

  /** Ends the agent's own work; the device stays as it is. Idempotent. */
  async stop(): Promise<void> {
    this.#cancelReverify();
    this.#tunnel.stop();
    await this.#upkeep.stop();
    this.#deps.lazy?.stop();
  }

  /** Resolves when the tunnel to the controller is up; on a recorded device, when it has been configured. */
  get ready(): Promise<void> {
    return this.#tunnel.ready;
  }

  /** Why the device is not as it should be, or empty. */
  get deviceError(): string {
    return this.#upkeep.error;
  }

  /** Milliseconds from the start until the tunnel was up; 0 before. */
  get readyAfterMs(): number {
    return this.#tunnel.readyAfterMs;
  }

  /** Whether the device has been configured from a map. */
  get configured(): boolean {
    return this.#upkeep.configured;
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
        if (maps.applySnapshot(message.value)) this.#mapChanged(undefined);
        return;
      case 'delta':
        if (maps.applyDelta(message.value)) this.#mapChanged(message.value);
        return;
      case 'reset':
        log.info('the controller sends the whole map again', { reason: message.value.reason });
        return;
      case 'signal':
        if (this.#deps.lazy?.heard(message.value) !== true) paths.receive(message.value);
        return;
      case 'progress':
        maps.applyProgress(message.value.revision);
        return;
      case 'reflexive':
        this.#deps.onReflexive(message.value);
        return;
      case 'servers':
        this.#deps.onServers(message.value.servers);
        if (maps.controllerAt(message.value.servers.find(({ isSelf }) => isSelf))) this.#mapChanged(undefined);
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
    this.#reports.tellAll();
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
    const { agentVersion, bundleVersion, candidates, maps } = this.#deps;
    return {
      appliedRevision: this.#upkeep.appliedRevision,
      bundleVersion: bundleVersion(),
      candidates: [...candidates()],
      paths: this.#reports.list(maps.current()),
      tunnelUp: await this.tunnelUp(),
      agentVersion,
      routes: [...this.#deps.offeredRoutes],
    };
  }

  onReported({ paths }: ReportRequest): void {
    this.#reports.told(paths);
  }

  /** Other peers than before are to be configured. */
  peersChosen(): void {
    this.#upkeep.request();
  }

  /** Addresses or routes of the machine changed. */
  networkChanged(change: NetworkChange): void {
    this.#deps.paths.networkChanged(change);
    this.#deps.reportSoon();
  }

  async #probe(nodeIds: readonly string[]): Promise<void> {
    await this.#reports.probe(nodeIds, this.#deps.maps.current());
    this.#deps.reportNow();
  }

  #mapChanged(delta: MapDelta | undefined): void {
    const map = this.#deps.maps.current();
    if (map === undefined) return;
    this.#deps.onMap(map, delta);
    this.#upkeep.request();
    this.#awaitEnds();
  }

  /** Takes a peer off the device when its certificate ends: WireGuard itself never looks. */
  #awaitEnds(): void {
    const { clock, maps } = this.#deps;
    this.#cancelReverify();
    this.#cancelReverify = clock.after(Math.min(REVERIFY_MS, Math.max(1, maps.nextEndMs() - clock.now())), () => {
      if (maps.reverify()) this.#verdictsChanged();
      this.#awaitEnds();
    });
  }

  #verdictsChanged(): void {
    const map = this.#deps.maps.current();
    if (map !== undefined) this.#deps.onVerdicts(map);
    this.#upkeep.request();
  }

  #onPathChange(nodeId: string): void {
    this.#reports.changed(nodeId);
    this.#deps.reportSoon();
  }

  async #isReady(): Promise<boolean> {
    const carriesPackets = this.#deps.device.kind !== 'recorded';
    return this.configured && (!carriesPackets || (await this.tunnelUp()));
  }

  #onReady(ms: number): void {
    this.#deps.log.info('the tunnel is up', { ms });
    this.#deps.reportNow();
  }

  #hasSession(state: DeviceState | undefined): boolean {
    const controller = this.#deps.maps.current()?.network.controller;
    if (controller === undefined) return false;
    const atMs = state?.peers.get(formatWireGuardKey(controller.wgPublicKey))?.latestHandshakeMs ?? 0;
    return atMs > 0 && this.#deps.clock.now() - atMs < SESSION_MS;
  }
}
