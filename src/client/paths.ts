import { PeerSignal_Kind, type PeerSignal } from '../gen/networkcontroller/v1/node.js';
import type { ControllerPeer, Peer } from '../gen/networkcontroller/v1/types.js';
import type { DeviceState } from '../platform/wireguard/device.js';
import { formatWireGuardKey } from '../platform/wireguard/keys.js';
import { probeNat, UNKNOWN_NAT } from './nat-kind.js';
import type { PathDependencies, Paths, PathState } from './path-types.js';
import { PeerPath, type PathAction, type PathContext } from './peer-path.js';
import { isInitiator } from './plan.js';
import { RelayLink, type RelayAction } from './relay-link.js';
import { Rounds } from './rounds.js';
import { seenBy } from './symmetric-nat.js';

/** How often WireGuard is looked at, in ms, */
const LOOK_MS = 500;

/** and while an attempt is under way. */
const URGENT_LOOK_MS = 20;

/** Attempts that this node begins at a time; each sends packets to addresses that others named. */
const MAX_OWN_ATTEMPTS = 20;

/** Attempts at a time, those that others began counted. */
const MAX_ATTEMPTS = 40;

/** How long signals wait for the answer to the probes, in ms: a pair that cannot be direct shall not lose packets in trying. */
const PROBE_PATIENCE_MS = 1000;

/** Signals of one request. */
const MAX_SIGNALS = 512;

/** An action with the path that wants it. */
type Wanted = readonly [PeerPath, PathAction];

/** Starts to look after the paths to all peers. Nothing is moved before {@link Paths.setPeers}. */
export function startPaths(dependencies: PathDependencies): Paths {
  return new PathManager(dependencies);
}

/**
 * Runs one round after the other, never two at a time: look at the device, take in what happened since, do what the paths
 * want. So each path decides on a state in which its last wish has been carried out.
 */
class PathManager implements Paths {
  readonly #deps: PathDependencies;
  readonly #paths = new Map<string, PeerPath>();
  readonly #sending = new Set<Promise<void>>();
  readonly #relay: RelayLink;
  #controllerKey = '';
  /** Two endpoints of the controller that tell what they see, or none. */
  #probes: readonly [string, string] | undefined;
  #nat = UNKNOWN_NAT;
  /** Until then nothing is signalled, because the answer to the probes belongs into the first offers. */
  #probingUntilMs = 0;
  #connected = false;
  #happened: ((context: PathContext) => Wanted[])[] = [];
  /** Node ids of peers to tell that we are here. */
  readonly #toGreet = new Set<string>();
  #onChange: (path: PathState) => void = () => {};
  #onTunnelUp: () => void = () => {};
  readonly #rounds: Rounds;

  constructor(deps: PathDependencies) {
    this.#deps = deps;
    const { clock, log, openTcp } = deps;
    this.#relay = new RelayLink({
      clock,
      log,
      openTcp,
      answersUdp: async (endpoint) => (await seenBy(endpoint)) !== undefined,
      onNews: (news) => this.#note((context) => (news === 'tcp' ? this.#distrustAll(context) : [])),
    });
    this.#rounds = new Rounds(deps.clock, () => this.#round(), () => (this.#isUrgent() ? URGENT_LOOK_MS : LOOK_MS));
  }

  setPeers(peers: readonly Peer[], controller: ControllerPeer | undefined): void {
    const { endpoints = [], httpsEndpoints = [] } = controller ?? {};
    this.#controllerKey = controller === undefined ? '' : formatWireGuardKey(controller.wgPublicKey);
    this.#relay.setRelay({ publicKey: this.#controllerKey, endpoints, httpsEndpoints });
    const [relay] = endpoints;
    const [probe] = controller?.probeEndpoints ?? [];
    const couldProbe = this.#probes !== undefined;
    this.#probes = relay === undefined || probe === undefined ? undefined : [relay, probe];
    if (!couldProbe) this.#probeNat();
    const known = new Set(peers.map(({ nodeId }) => nodeId));
    for (const nodeId of this.#paths.keys()) if (!known.has(nodeId)) this.#paths.delete(nodeId);
    for (const peer of peers) if (this.#add(peer)) this.#toGreet.add(peer.nodeId);
    this.#note(() => []);
  }

  connected(): void {
    this.#connected = true;
    this.#relay.expectAnswer();
    this.#probeNat();
    this.#note(() => this.#greetEverybody());
  }

  disconnected(): void {
    this.#connected = false;
  }

  receive(signal: PeerSignal): void {
    if (signal.kind === PeerSignal_Kind.KIND_PROBE) this.#relay.doubt();
    this.#note((context) => {
      const path = this.#paths.get(signal.nodeId);
      const isTooMuch = signal.kind === PeerSignal_Kind.KIND_OFFER && this.#busy() >= MAX_ATTEMPTS;
      return path === undefined || isTooMuch ? [] : from(path, path.receive(signal, context));
    });
  }

  relayRestarted(): void {
    this.#note(() => {
      for (const path of this.#paths.values()) path.forgetFailures({ stale: true });
      this.#relay.renew();
      return this.#greetEverybody();
    });
  }

  networkChanged(): void {
    this.#probeNat();
    this.#note(() => {
      for (const path of this.#paths.values()) path.forgetFailures({ stale: false });
      // Whoever is sent to from the new address knows it: without that the relay goes on sending to the old one until the next keepalive.
      if (this.#relay.endpoint !== '') this.#track(this.#act(this.#controllerKey, { act: 'steer', endpoint: this.#relay.endpoint, fresh: false }));
      const moved = [...this.#paths.values()].flatMap((path) => from(path, path.announce()));
      return [...moved, ...this.#greetEverybody()];
    });
  }

  deviceRestored(): void {
    this.#note((context) => {
      this.#greetEverybody();
      return [...this.#paths.values()].flatMap((path) => from(path, path.resume(context)));
    });
  }

  observe(): Promise<void> {
    return this.#rounds.run();
  }

  paths(): readonly PathState[] {
    return [...this.#paths.values()].map(({ state }) => state);
  }

  get tcpEndpoint(): string {
    return this.#relay.tcpEndpoint;
  }

  onChange(listener: (path: PathState) => void): void {
    this.#onChange = listener;
  }

  onTunnelUp(listener: () => void): void {
    this.#onTunnelUp = listener;
  }

  async stop(): Promise<void> {
    await this.#rounds.stop();
    this.#relay.stop();
    await Promise.all(this.#sending);
  }

  /** @returns whether the peer is new, or new with this key. */
  #add(peer: Peer): boolean {
    const publicKey = formatWireGuardKey(peer.wgPublicKey);
    if (this.#paths.get(peer.nodeId)?.publicKey === publicKey) return false;
    const initiates = isInitiator(this.#deps.self.publicKey, publicKey);
    this.#paths.set(peer.nodeId, new PeerPath({ nodeId: peer.nodeId, publicKey, initiates }));
    return true;
  }

  #note(event: (context: PathContext) => Wanted[]): void {
    if (this.#rounds.isStopped) return;
    this.#happened.push(event);
    void this.observe();
  }

  #probeNat(): void {
    if (this.#probes === undefined || !this.#connected) return;
    this.#probingUntilMs = this.#deps.clock.now() + PROBE_PATIENCE_MS;
    const probe = this.#deps.probeNat ?? probeNat;
    this.#track(
      probe(this.#probes).then((nat) => {
        this.#nat = nat;
        this.#probingUntilMs = 0;
        this.#note(() => []);
      }),
    );
  }

  async #round(): Promise<void> {
    try {
      await this.#lookAndAct();
    } catch (error) {
      // A device that is being repaired refuses; the next round sees what has become of it.
      this.#deps.log.debug('paths not looked after this time', { error: String(error) });
    }
  }

  async #lookAndAct(): Promise<void> {
    const seen = await this.#deps.device.observe();
    if (seen === undefined) return;
    const context = this.#context();
    for (const step of this.#keepRelay(seen, context.nowMs)) this.#track(step);
    const before = new Map([...this.#paths.values()].map((path) => [path, path.state]));
    const wanted = [...this.#look(seen, context), ...this.#takeEvents(context), ...this.#greet(context), ...this.#offer(context)];
    for (const [path, state] of before) this.#tellChange(state, path.state);
    await this.#perform(wanted, context);
  }

  #look(seen: DeviceState, context: PathContext): Wanted[] {
    return [...this.#paths.values()].flatMap((path) => {
      const peer = seen.peers.get(path.publicKey);
      return peer === undefined ? [] : from(path, path.look(peer, context));
    });
  }

  #takeEvents(context: PathContext): Wanted[] {
    const events = this.#happened;
    this.#happened = [];
    return events.flatMap((event) => event(context));
  }

  #offer(context: PathContext): Wanted[] {
    const willing = [...this.#paths.values()].filter((path) => path.wantsOffer(context));
    return willing.slice(0, Math.max(0, MAX_OWN_ATTEMPTS - this.#busy())).flatMap((path) => from(path, path.offer(context)));
  }

  #greetEverybody(): Wanted[] {
    for (const nodeId of this.#paths.keys()) this.#toGreet.add(nodeId);
    return [];
  }

  #greet({ connected }: PathContext): Wanted[] {
    if (!connected) return [];
    const greeted = [...this.#toGreet].flatMap((nodeId) => this.#paths.get(nodeId) ?? []);
    this.#toGreet.clear();
    return greeted.flatMap((path) => from(path, path.greet()));
  }

  #distrustAll(context: PathContext): Wanted[] {
    return [...this.#paths.values()].flatMap((path) => from(path, path.distrust(context)));
  }

  /** What the relay needs, and whoever is sent to over a way to it that is not in use any more. */
  #keepRelay(seen: DeviceState, nowMs: number): Promise<void>[] {
    const { device } = this.#deps;
    const { cameUp, actions } = this.#relay.look(seen, nowMs, this.#connected);
    if (cameUp) this.#onTunnelUp();
    const left = [...this.#paths.values()].filter((path) => !path.isUrgent && this.#relay.isLeft(seen.peers.get(path.publicKey)?.endpoint ?? ''));
    return [
      ...actions.map((action) => this.#act(this.#controllerKey, action)),
      ...left.map((path) => device.steer(path.publicKey, this.#relay.endpoint)),
    ];
  }

  #act(publicKey: string, action: RelayAction): Promise<void> {
    const { device } = this.#deps;
    return action.act === 'nudge' ? device.nudge(publicKey) : device.steer(publicKey, action.endpoint, { fresh: action.fresh });
  }

  async #perform(wanted: readonly Wanted[], context: PathContext): Promise<void> {
    const { device } = this.#deps;
    // A peer that is told of an opening uses it at once.
    const opened = wanted.flatMap(([, action]) => (action.act === 'open' ? action.endpoints : []));
    if (opened.length > 0) await device.open(opened).catch((error: unknown) => this.#deps.log.debug('NAT not opened', { error: String(error) }));
    const signals = wanted.flatMap(([path, action]) => (action.act === 'signal' ? [{ path, ...action, hasSession: path.hasSession(context) }] : []));
    for (let at = 0; at < signals.length; at += MAX_SIGNALS) this.#track(this.#signal(signals.slice(at, at + MAX_SIGNALS)));
    await Promise.all(wanted.flatMap(([path, action]) => {
      if (action.act === 'steer') return [device.steer(path.publicKey, action.endpoint, { fresh: action.fresh })];
      return action.act === 'nudge' ? [device.nudge(path.publicKey)] : [];
    }));
  }

  async #signal(signals: readonly { path: PeerPath; kind: PeerSignal_Kind; attempt: number; hasSession: boolean }[]): Promise<void> {
    const { self, send } = this.#deps;
    const common = { candidates: [...self.candidates()], symmetricNat: this.#nat.symmetric, portRestrictedNat: this.#nat.portRestricted };
    const everybody = signals.map(({ path }) => path.nodeId);
    const missed = await send(signals.map(({ path, kind, attempt, hasSession }) => ({ ...common, nodeId: path.nodeId, kind, attempt, hasSession }))).catch(() => everybody);
    const undelivered = new Set(missed);
    for (const { path, kind } of signals) if (undelivered.has(path.nodeId)) path.undelivered(kind);
  }

  #tellChange(before: PathState, now: PathState): void {
    if (before.kind === now.kind && before.endpoint === now.endpoint) return;
    this.#deps.log.info('path changed', { nodeId: now.nodeId, path: now.kind, endpoint: now.endpoint });
    if (now.kind === 'direct') this.#deps.remember(now.nodeId, now.endpoint);
    this.#onChange(now);
  }

  #track(task: Promise<void>): void {
    const tracked = task
      .catch((error: unknown) => this.#deps.log.debug('path step failed', { error: String(error) }))
      .finally(() => this.#sending.delete(tracked));
    this.#sending.add(tracked);
  }

  #isUrgent(): boolean {
    return this.#relay.isUrgent || [...this.#paths.values()].some((path) => path.isUrgent);
  }

  #busy(): number {
    return [...this.#paths.values()].filter((path) => path.isBusy).length;
  }

  #context(): PathContext {
    const { clock, self } = this.#deps;
    const nowMs = clock.now();
    return {
      nowMs,
      connected: this.#connected && nowMs >= this.#probingUntilMs,
      relay: this.#relay.endpoint,
      isRelay: (endpoint) => this.#relay.isMine(endpoint),
      candidates: () => self.candidates(),
      nat: this.#nat,
    };
  }
}

function from(path: PeerPath, actions: readonly PathAction[]): Wanted[] {
  return actions.map((action) => [path, action]);
}
