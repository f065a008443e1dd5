import type { Peer } from '../../gen/networkcontroller/v1/types.js';
import type { DeviceState, PeerState } from '../../platform/wireguard/device.js';
import { formatWireGuardKey } from '../../platform/wireguard/keys.js';

/** Of the limit, as many peers let a node go back to having all of them awake: one more or less must not turn everything over. */
const BACK_SHARE = 0.8;

/** Silence that makes an awake peer give way to one that is wanted, when there are as many as may be. */
const YIELD_AFTER_MS = 10_000;

/** Octets of a keepalive, and of a handshake's two messages. @see WireGuard whitepaper §5.4 */
const KEEPALIVE_BYTES = 32;
const HANDSHAKE_BYTES = 148 + 92;

/** No more keepalives than this go in one direction in `ms`. */
function keepalivesIn(ms: number): number {
  return 1 + Math.ceil(ms / 10_000);
}

/** What is known of a peer that is awake. */
interface Awake {
  /** When packets other than WireGuard's own went, or when it woke. */
  activeMs: number;
  lookedMs: number;
  seen: Pick<PeerState, 'rxBytes' | 'txBytes' | 'latestHandshakeMs'>;
}

const UNSEEN = { rxBytes: 0, txBytes: 0, latestHandshakeMs: 0 };

/**
 * Decides which peers are awake, that is configured with WireGuard, without any I/O.
 *
 * Up to a number of peers all are, but those that have asked not to be. Beyond, only who is in use: never more than that number, and whoever is
 * silent for long goes to sleep.
 */
export class Wakefulness {
  readonly #limit: number;
  readonly #idleMs: number;
  readonly #awake = new Map<string, Awake>();
  /** Peers that went to sleep although there was room. */
  readonly #dismissed = new Set<string>();
  /** The peers there were last. */
  #known: readonly Peer[] = [];
  #isLazy = false;

  /**
   * @param limit  As many peers may be awake.
   * @param awake  Node ids of those that were before a restart.
   */
  constructor(options: { readonly limit: number; readonly idleMs: number; readonly awake: readonly string[]; readonly nowMs: number }) {
    this.#limit = options.limit;
    this.#idleMs = options.idleMs;
    for (const nodeId of options.awake.slice(0, options.limit)) this.#rouse(nodeId, options.nowMs);
  }

  /** Node ids of the peers that are known to be in use, or were lately. */
  get awake(): readonly string[] {
    return [...this.#awake.keys()];
  }

  /**
   * Takes the peers that there are now.
   *
   * @param isPeer Whether a node id is that of one of them.
   */
  know(peers: readonly Peer[], isPeer: (nodeId: string) => boolean, nowMs: number): void {
    const wasLazy = this.#isLazy;
    this.#isLazy = peers.length > this.#limit * (wasLazy ? BACK_SHARE : 1);
    const before = this.#known;
    this.#known = peers;
    for (const nodeId of [...this.#awake.keys(), ...this.#dismissed]) if (!isPeer(nodeId)) this.#forget(nodeId);
    if (!this.#isLazy) this.#awake.clear();
    // Those that are configured fall asleep one after the other, as far as they are not in use.
    else if (!wasLazy) for (const { nodeId } of before) if (!this.#dismissed.has(nodeId) && isPeer(nodeId)) this.#rouse(nodeId, nowMs);
  }

  /** Whether all that were known last are awake. */
  get isEverybodyAwake(): boolean {
    return this.#isLazy ? this.#awake.size === this.#known.length : this.#dismissed.size === 0;
  }

  /**
   * Those of the peers known last that are to be configured.
   *
   * @param peerOf One of them by its node id.
   */
  configured(peerOf: (nodeId: string) => Peer | undefined): readonly Peer[] {
    return this.#isLazy ? this.awake.flatMap((nodeId) => peerOf(nodeId) ?? []) : this.#known.filter(({ nodeId }) => !this.#dismissed.has(nodeId));
  }

  /** Whether the peer is to be configured. */
  isAwake(nodeId: string): boolean {
    return this.#isLazy ? this.#awake.has(nodeId) : !this.#dismissed.has(nodeId);
  }

  /** The peer is wanted. @returns whether it was asleep and is awake now; not when all that may be awake are in use. */
  wake(nodeId: string, nowMs: number): { readonly woken: boolean; readonly gaveWay?: string } {
    const known = this.#awake.get(nodeId);
    if (known !== undefined) known.activeMs = nowMs;
    if (this.isAwake(nodeId)) return { woken: false };
    const gaveWay = this.#isLazy && this.#awake.size >= this.#limit ? this.#mostIdle(nowMs - YIELD_AFTER_MS) : undefined;
    if (gaveWay !== undefined) this.#forget(gaveWay);
    if (this.#isLazy && this.#awake.size >= this.#limit) return { woken: false };
    this.#dismissed.delete(nodeId);
    if (this.#isLazy) this.#rouse(nodeId, nowMs);
    return { woken: true, ...(gaveWay !== undefined && { gaveWay }) };
  }

  /** Lets the peer sleep until it is wanted. @returns whether it was awake. */
  dismiss(nodeId: string): boolean {
    const wasAwake = this.isAwake(nodeId);
    this.#awake.delete(nodeId);
    if (!this.#isLazy) this.#dismissed.add(nodeId);
    return wasAwake;
  }

  /** Takes in what WireGuard has counted. @returns Node ids of those who have been silent for so long that they may sleep. */
  look(seen: DeviceState, peerOf: (nodeId: string) => Peer | undefined, nowMs: number): string[] {
    for (const [nodeId, awake] of this.#awake) {
      const peer = peerOf(nodeId);
      const state = peer && seen.peers.get(formatWireGuardKey(peer.wgPublicKey));
      if (state === undefined) continue;
      if (carriesData(awake, state, nowMs - awake.lookedMs)) awake.activeMs = nowMs;
      awake.seen = state;
      awake.lookedMs = nowMs;
    }
    return [...this.#awake.keys()].filter((nodeId) => this.isIdle(nodeId, nowMs));
  }

  /** Whether a peer that is awake has been silent for so long. */
  isIdle(nodeId: string, nowMs: number): boolean {
    const awake = this.#awake.get(nodeId);
    return awake !== undefined && nowMs - awake.activeMs >= this.#idleMs;
  }

  #mostIdle(beforeMs: number): string | undefined {
    const [first] = [...this.#awake].filter(([, { activeMs }]) => activeMs <= beforeMs).sort(([, a], [, b]) => a.activeMs - b.activeMs);
    return first?.[0];
  }

  #rouse(nodeId: string, nowMs: number): void {
    this.#awake.set(nodeId, { activeMs: nowMs, lookedMs: nowMs, seen: UNSEEN });
  }

  #forget(nodeId: string): void {
    this.#awake.delete(nodeId);
    this.#dismissed.delete(nodeId);
  }
}

/** Whether more went than WireGuard sends by itself. Nothing that comes back, and whatever is sent goes to nobody. */
function carriesData({ seen }: Awake, now: PeerState, elapsedMs: number): boolean {
  const received = now.rxBytes - seen.rxBytes;
  const own = 2 * keepalivesIn(elapsedMs) * KEEPALIVE_BYTES + (now.latestHandshakeMs === seen.latestHandshakeMs ? 0 : HANDSHAKE_BYTES);
  // A counter that went back began anew.
  return received < 0 || (received > 0 && received + now.txBytes - seen.txBytes > own);
}
