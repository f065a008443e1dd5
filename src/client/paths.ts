import type { PeerSignal } from '../gen/networkcontroller/v1/node.js';
import { PeerSignal_Kind } from '../gen/networkcontroller/v1/node.js';
import type { ControllerPeer, Peer, Relay } from '../gen/networkcontroller/v1/types.js';
import type { DeviceState } from '../platform/wireguard/device.js';
import { formatWireGuardKey } from '../platform/wireguard/keys.js';
import type { NetworkChange } from './address-watch.js';
import { BackgroundTasks } from './background-tasks.js';
import { probeNat } from './nat-kind.js';
import { NatWatch } from './nat-watch.js';
import type { PathContext } from './path-action.js';
import { PathActions } from './path-actions.js';
import type { PathDependencies, Paths, PathState } from './path-types.js';
import { PeerPaths, type Wanted } from './peer-paths.js';
import { RelayLink, type RelayAction, type RelayNews } from './relay-link.js';
import { RelayMoves } from './relay-moves.js';
import { Rounds } from './rounds.js';
import { measureRtt, seenBy } from './symmetric-nat.js';

/** How often WireGuard is looked at, in ms, */
const LOOK_MS = 500;

/** and while an attempt is under way. */
const URGENT_LOOK_MS = 20;

/** How long signals wait for the kind of our NAT, in ms: mostly it is here by then, and an attempt without it needs another. */
const NAT_PATIENCE_MS = 300;

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
  readonly #peers: PeerPaths;
  readonly #tasks: BackgroundTasks;
  readonly #actions: PathActions;
  readonly #relay: RelayLink;
  readonly #moves: RelayMoves;
  readonly #nat: NatWatch;
  readonly #rounds: Rounds;
  #controllerKey = '';
  /** As {@link setPeers} had them last. */
  #controller: ControllerPeer | undefined;
  #relays: readonly Relay[] = [];
  /** Two endpoints of the controller that tell what they see, or none. */
  #probes: readonly [string, string] | undefined;
  #connected = false;
  #happened: ((context: PathContext) => Wanted[])[] = [];
  #onChange: (path: PathState) => void = () => {};
  #onTunnelUp: () => void = () => {};

  constructor(deps: PathDependencies) {
    this.#deps = deps;
    const { clock, log, openTcp } = deps;
    this.#peers = new PeerPaths(deps.self.publicKey);
    this.#tasks = new BackgroundTasks(log);
    this.#actions = new PathActions(deps, this.#tasks);
    this.#relay = new RelayLink({
      clock,
      log,
      openTcp,
      answersUdp: async (endpoint) => (await seenBy(endpoint)) !== undefined,
      onNews: (news) => this.#takeRelayNews(news),
    });
    this.#moves = new RelayMoves({ clock, log, measure: deps.measureRtt ?? measureRtt, onNews: () => this.#note(() => []) });
    this.#nat = new NatWatch({ clock, probe: deps.probeNat ?? probeNat, onDecided: () => this.#note(() => this.#peers.flatMap((path) => path.decide())) });
    this.#rounds = new Rounds(clock, () => this.#round(), () => this.#pauseMs());
  }

  setPeers(peers: readonly Peer[], controller: ControllerPeer | undefined, relays: readonly Relay[] = []): void {
    const { endpoints = [], httpsEndpoints = [] } = controller ?? {};
    this.#controllerKey = controller === undefined ? '' : formatWireGuardKey(controller.wgPublicKey);
    this.#relay.setRelay({ publicKey: this.#controllerKey, endpoints, httpsEndpoints });
    this.#moves.setRelays(relays, endpoints[0] ?? '');
    const [relay] = endpoints;
    const [probe] = controller?.probeEndpoints ?? [];
    const couldProbe = this.#probes !== undefined;
    this.#probes = relay === undefined || probe === undefined ? undefined : [relay, probe];
    if (!couldProbe && this.#probes !== undefined) this.#askAboutNat({ anew: true });
    const isNews = this.#peers.set(peers) || controller !== this.#controller || relays.length !== this.#relays.length || relays.some((each, n) => each !== this.#relays[n]);
    this.#controller = controller;
    this.#relays = relays;
    // Of ten thousand nodes most are nothing to WireGuard, and their changes no reason to look at it.
    if (isNews) this.#note(() => []);
  }

  connected(): void {
    this.#connected = true;
    this.#relay.expectAnswer();
    this.#askAboutNat({ anew: false });
    this.#note(() => this.#greetEverybody());
  }

  disconnected(): void {
    this.#connected = false;
  }

  receive(signal: PeerSignal): void {
    if (signal.kind === PeerSignal_Kind.KIND_PROBE) this.#relay.doubt();
    this.#moves.learn(signal);
    this.#note((context) => this.#peers.receive(signal, context));
  }

  relayRestarted(): void {
    this.#note(() => {
      for (const path of this.#peers.all) path.forgetFailures({ stale: true });
      this.#relay.renew();
      return this.#greetEverybody();
    });
  }

  networkChanged({ moved }: NetworkChange): void {
    this.#askAboutNat({ anew: true });
    this.#moves.measureAgain();
    this.#note((context) => {
      // Whoever is sent to from the new address knows it: without that the relay goes on sending to the old one until the next keepalive.
      if (this.#relay.endpoint !== '') this.#tasks.add(this.#act({ act: 'steer', endpoint: this.#relay.endpoint, fresh: false }));
      return [...this.#peers.flatMap((path) => (moved ? path.prove(context) : path.announce())), ...this.#tryAgain()];
    });
  }

  deviceRestored(): void {
    this.#note((context) => {
      this.#greetEverybody();
      return this.#peers.flatMap((path) => path.resume(context));
    });
  }

  observe(): Promise<void> {
    return this.#rounds.run();
  }

  paths(): readonly PathState[] {
    return this.#peers.all.map(({ state }) => state);
  }

  relayAt(endpoint: string): string {
    return this.#moves.nameAt(endpoint) ?? '';
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
    this.#nat.stop();
    await this.#rounds.stop();
    this.#relay.stop();
    this.#moves.stop();
    await this.#tasks.done();
  }

  #greetEverybody(): Wanted[] {
    this.#peers.greetEverybody();
    return [];
  }

  /** What failed before may work now. */
  #tryAgain(): Wanted[] {
    for (const path of this.#peers.all) path.forgetFailures({ stale: false });
    return this.#greetEverybody();
  }

  #note(event: (context: PathContext) => Wanted[]): void {
    if (this.#rounds.isStopped) return;
    this.#happened.push(event);
    void this.observe();
  }

  #askAboutNat({ anew }: { readonly anew: boolean }): void {
    if (anew) this.#nat.forget();
    if (this.#connected) this.#nat.ask(this.#probes);
  }

  #takeRelayNews(news: RelayNews): void {
    // A wall that stood before the relay stood before the peers too.
    if (news === 'udp') this.#askAboutNat({ anew: true });
    this.#note((context) => {
      if (news === 'udp') return this.#tryAgain();
      return news === 'tcp' ? this.#peers.flatMap((path) => path.distrust(context)) : [];
    });
  }

  #pauseMs(): number {
    if (this.#relay.isUrgent || this.#peers.isUrgent) return URGENT_LOOK_MS;
    return this.#holdsSignals ? NAT_PATIENCE_MS / 3 : LOOK_MS;
  }

  /** Whether signals wait for the kind of our NAT. */
  get #holdsSignals(): boolean {
    const sinceMs = this.#nat.awaitedSinceMs;
    return sinceMs !== undefined && this.#deps.clock.now() - sinceMs < NAT_PATIENCE_MS;
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
    this.#keepRelay(seen, context.nowMs);
    const before = this.#peers.all.map((path) => [path, path.state] as const);
    const wanted = [...this.#peers.look(seen, context), ...this.#takeEvents(context), ...this.#peers.greet(context), ...this.#peers.offer(context)];
    for (const [path, state] of before) this.#tellChange(state, path.state);
    const moves = this.#moves.look(seen, this.#peers.all, context);
    for (const [publicKey, action] of moves.relays) this.#tasks.add(this.#act(action, publicKey));
    await this.#actions.perform([...wanted, ...moves.wanted], context);
  }

  #takeEvents(context: PathContext): Wanted[] {
    const events = this.#happened;
    this.#happened = [];
    return events.flatMap((event) => event(context));
  }

  /** Does what the relay needs, and what those need that are sent to over a way to it that is not in use any more. */
  #keepRelay(seen: DeviceState, nowMs: number): void {
    const { cameUp, actions } = this.#relay.look(seen, nowMs, this.#connected);
    if (cameUp) this.#onTunnelUp();
    for (const action of actions) this.#tasks.add(this.#act(action));
    const left = this.#peers.all.filter((path) => !path.isUrgent && this.#relay.isLeft(seen.peers.get(path.publicKey)?.endpoint ?? ''));
    for (const { publicKey } of left) this.#tasks.add(this.#deps.device.steer(publicKey, this.#relay.endpoint));
  }

  #act(action: RelayAction, publicKey = this.#controllerKey): Promise<void> {
    const { device } = this.#deps;
    return action.act === 'nudge' ? device.nudge(publicKey) : device.steer(publicKey, action.endpoint, { fresh: action.fresh });
  }

  #tellChange(before: PathState, now: PathState): void {
    if (before.kind === now.kind && before.endpoint === now.endpoint) return;
    this.#deps.log.info('path changed', { nodeId: now.nodeId, path: now.kind, endpoint: now.endpoint });
    if (now.kind === 'direct') this.#deps.remember(now.nodeId, now.endpoint);
    this.#onChange(now);
  }

  #context(): PathContext {
    const { clock, self } = this.#deps;
    return {
      nowMs: clock.now(),
      connected: this.#connected && !this.#holdsSignals,
      relay: this.#relay.endpoint,
      isRelay: (endpoint) => this.#relay.isMine(endpoint) || this.#moves.nameAt(endpoint) !== undefined,
      distances: () => this.#moves.distances(),
      candidates: () => self.candidates(),
      nat: this.#nat.kind,
    };
  }
}
