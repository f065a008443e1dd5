import { contains4, parseCidr4 } from '../../domain/cidr.js';
import { parseIp4 } from '../../domain/ip.js';
import { PeerSignal, PeerSignal_Kind } from '../../gen/networkcontroller/v1/node.js';
import type { Peer } from '../../gen/networkcontroller/v1/types.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { Device } from '../../platform/wireguard/device.js';
import { parseWireGuardKey, wireGuardPublicKey } from '../../platform/wireguard/keys.js';
import type { MapStore } from '../map-store.js';
import { Waker } from './waker.js';
import { Wakefulness } from './wakefulness.js';

/** Signals of one request. */
const MAX_SIGNALS = 512;

/** How often it is looked who is silent, at most, in ms. */
const LOOK_MS = 15_000;

/** What {@link LazyPeers} works with. */
export interface LazyPeersDeps {
  /** Base64, of the interface. */
  readonly privateKey: string;
  /** As many peers are configured at a time. */
  readonly limit: number;
  /** Silence after which a peer goes to sleep, when there are more than that. */
  readonly idleMs: number;
  /** Node ids of the peers that were awake before a restart. */
  readonly awake: readonly string[];
  readonly maps: MapStore;
  readonly device: Pick<Device, 'observe'>;
  readonly clock: Clock;
  readonly log: Log;
  /** Takes signals to the controller. @returns Node ids that were not reached. Rejects when nobody was. */
  send(signals: readonly PeerSignal[]): Promise<readonly string[]>;
  /** Keeps the node ids of those awake over restarts. */
  remember(awake: readonly string[]): void;
  /** Others are to be configured now. */
  onChanged(): void;
}

/** Who is configured now, and who stands in for all others. */
export interface AwakePeers {
  readonly peers: readonly Peer[];
  readonly isAwake: (nodeId: string) => boolean;
  /** As WireGuard shall have it. */
  readonly waker: { readonly publicKey: string; readonly endpoint: string };
}

/**
 * Keeps a node of a large network from having ten thousand peers: beyond a number, a peer is configured when a packet is sent to it or it signals, and
 * goes to sleep, at both ends, when nothing has been said for long.
 *
 * Only a verified peer of the map is ever woken.
 */
export class LazyPeers {
  readonly #deps: LazyPeersDeps;
  readonly #wakefulness: Wakefulness;
  #waker: Waker | undefined;
  #cancelLook = (): void => {};

  constructor(deps: LazyPeersDeps) {
    this.#deps = deps;
    const { limit, idleMs, awake, clock } = deps;
    this.#wakefulness = new Wakefulness({ limit, idleMs, awake, nowMs: clock.now() });
  }

  start(): void {
    const { clock, idleMs } = this.#deps;
    this.#cancelLook = clock.every(Math.min(LOOK_MS, idleMs / 2), () => void this.look());
  }

  stop(): void {
    this.#cancelLook();
    this.#waker?.close();
    this.#waker = undefined;
  }

  /** Who of these is to be configured; undefined when all are. */
  async choose(peers: readonly Peer[]): Promise<AwakePeers | undefined> {
    const { clock, maps } = this.#deps;
    this.#wakefulness.know(peers, (nodeId) => maps.peer(nodeId) !== undefined, clock.now());
    const isAwake = (nodeId: string): boolean => this.#wakefulness.isAwake(nodeId);
    if (this.#wakefulness.isEverybodyAwake) return undefined;
    this.#waker ??= await Waker.open({ publicKey: this.#publicKey, clock, onWanted: (address) => this.wanted(address) });
    const { publicKey, endpoint } = this.#waker;
    return { peers: this.#wakefulness.configured((nodeId) => maps.peer(nodeId)), isAwake, waker: { publicKey, endpoint } };
  }

  /** A packet was sent to this address, which leads to nobody who is configured. */
  wanted(address: string): void {
    const peers = this.#deps.maps.current()?.peers ?? [];
    const peer = peers.find(({ bindIp, bindIp6 }) => bindIp === address || bindIp6 === address) ?? peers.find((each) => leadsTo(each, address));
    if (peer !== undefined) this.#wake(peer.nodeId, 'sent to');
  }

  /**
   * A signal has come from another node, which has this one configured, or has not any more.
   *
   * @returns whether the signal is about nothing but that.
   */
  heard({ nodeId, kind }: Pick<PeerSignal, 'nodeId' | 'kind'>): boolean {
    const { maps, log, onChanged } = this.#deps;
    const isPeer = maps.peer(nodeId) !== undefined;
    if (kind !== PeerSignal_Kind.KIND_SLEEP) {
      if (isPeer) this.#wake(nodeId, 'signalled');
      return false;
    }
    if (isPeer && this.#wakefulness.dismiss(nodeId)) {
      log.debug('peer asleep', { nodeId, reason: 'its own wish' });
      this.#remember();
      onChanged();
    }
    return true;
  }

  /** Lets those sleep who have been silent for long, once they know: a peer that went on sending would be heard by nobody. */
  async look(): Promise<void> {
    const { device, maps, clock, log, onChanged } = this.#deps;
    const seen = await device.observe();
    const idle = seen === undefined ? [] : this.#wakefulness.look(seen, (nodeId) => maps.peer(nodeId), clock.now());
    const told = await this.#tell(idle);
    // Somebody may have been woken while they were told.
    const asleep = told.filter((nodeId) => this.#wakefulness.isIdle(nodeId, clock.now()) && this.#wakefulness.dismiss(nodeId));
    for (const nodeId of asleep) log.debug('peer asleep', { nodeId, reason: 'silent' });
    if (asleep.length === 0) return;
    this.#remember();
    onChanged();
  }

  #wake(nodeId: string, reason: string): void {
    const { woken, gaveWay } = this.#wakefulness.wake(nodeId, this.#deps.clock.now());
    if (gaveWay !== undefined) void this.#tell([gaveWay]);
    if (!woken) return;
    this.#deps.log.debug('peer woken', { nodeId, reason });
    this.#remember();
    this.#deps.onChanged();
  }

  /** @returns those who have been reached. */
  async #tell(nodeIds: readonly string[]): Promise<string[]> {
    const reached: string[] = [];
    for (let at = 0; at < nodeIds.length; at += MAX_SIGNALS) {
      const some = nodeIds.slice(at, at + MAX_SIGNALS);
      const signals = some.map((nodeId) => PeerSignal.fromPartial({ nodeId, kind: PeerSignal_Kind.KIND_SLEEP }));
      const missed = new Set(await this.#deps.send(signals).catch(() => some));
      reached.push(...some.filter((nodeId) => !missed.has(nodeId)));
    }
    return reached;
  }

  #remember(): void {
    this.#deps.remember(this.#wakefulness.awake);
  }

  get #publicKey(): Buffer {
    return wireGuardPublicKey(parseWireGuardKey(this.#deps.privateKey));
  }
}

/** Whether the networks behind a peer have this address. */
function leadsTo({ routes }: Peer, address: string): boolean {
  if (routes.length === 0 || address.includes(':')) return false;
  const ip = parseIp4(address);
  return routes.some((route) => contains4(parseCidr4(route), ip));
}
