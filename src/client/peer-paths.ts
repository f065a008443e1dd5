import type { PeerSignal } from '../gen/networkcontroller/v1/node.js';
import { PeerSignal_Kind } from '../gen/networkcontroller/v1/node.js';
import type { Peer } from '../gen/networkcontroller/v1/types.js';
import { changedPart } from '../platform/changed-part.js';
import type { DeviceState } from '../platform/wireguard/device.js';
import { formatWireGuardKey } from '../platform/wireguard/keys.js';
import type { PathAction, PathContext } from './path-action.js';
import { PeerPath } from './peer-path.js';
import { isInitiator } from './plan.js';

/** Attempts that this node begins at a time; each sends packets to addresses that others named. */
const MAX_OWN_ATTEMPTS = 20;

/** Attempts at a time, those that others began counted. */
const MAX_ATTEMPTS = 40;

/** An action with the path that wants it. */
export type Wanted = readonly [PeerPath, PathAction];

/** The paths to all peers, and how many of them may be tried at a time. */
export class PeerPaths {
  readonly #ownKey: string;
  readonly #paths = new Map<string, PeerPath>();
  /** As {@link set} had them last. */
  #peers: readonly Peer[] = [];
  /** Node ids of peers to tell that we are here. */
  readonly #toGreet = new Set<string>();

  /** @param ownKey This node's public key, base64. */
  constructor(ownKey: string) {
    this.#ownKey = ownKey;
  }

  get all(): readonly PeerPath[] {
    return [...this.#paths.values()];
  }

  /** Whether milliseconds count for one of them now. */
  get isUrgent(): boolean {
    return this.all.some((path) => path.isUrgent);
  }

  /** Takes the peers that there are now; new ones, and those with a new key, are greeted. @returns whether they are others than before. */
  set(peers: readonly Peer[]): boolean {
    const { gone, come } = changedPart(this.#peers, peers);
    this.#peers = peers;
    const there = new Set(come.map(({ nodeId }) => nodeId));
    for (const { nodeId } of gone) if (!there.has(nodeId)) this.#paths.delete(nodeId);
    for (const peer of come) if (this.#add(peer)) this.#toGreet.add(peer.nodeId);
    return gone.length > 0 || come.length > 0;
  }

  greetEverybody(): void {
    for (const nodeId of this.#paths.keys()) this.#toGreet.add(nodeId);
  }

  /** Asks every path what it wants. */
  flatMap(ask: (path: PeerPath) => readonly PathAction[]): Wanted[] {
    return this.all.flatMap((path) => from(path, ask(path)));
  }

  look(seen: DeviceState, context: PathContext): Wanted[] {
    return this.flatMap((path) => {
      const peer = seen.peers.get(path.publicKey);
      return peer === undefined ? [] : path.look(peer, context);
    });
  }

  /** A signal from another node; an offer too many is left to come again. */
  receive(signal: PeerSignal, context: PathContext): Wanted[] {
    const path = this.#paths.get(signal.nodeId);
    const isTooMuch = signal.kind === PeerSignal_Kind.KIND_OFFER && this.#busy >= MAX_ATTEMPTS;
    return path === undefined || isTooMuch ? [] : from(path, path.receive(signal, context));
  }

  /** The greetings that are due, once they can be sent. */
  greet({ connected }: PathContext): Wanted[] {
    if (!connected) return [];
    const greeted = [...this.#toGreet].flatMap((nodeId) => this.#paths.get(nodeId) ?? []);
    this.#toGreet.clear();
    return greeted.flatMap((path) => from(path, path.greet()));
  }

  /** As many of the offers that are due as may be made now, the longest due first: those that fail again and again must not keep others from their turn. */
  offer(context: PathContext): Wanted[] {
    const willing = this.all.filter((path) => path.wantsOffer(context)).sort((a, b) => a.offerDueMs - b.offerDueMs);
    return willing.slice(0, Math.max(0, MAX_OWN_ATTEMPTS - this.#busy)).flatMap((path) => from(path, path.offer(context)));
  }

  get #busy(): number {
    return this.all.filter((path) => path.isBusy).length;
  }

  /** @returns whether the peer is new, or new with this key. */
  #add(peer: Peer): boolean {
    const publicKey = formatWireGuardKey(peer.wgPublicKey);
    if (this.#paths.get(peer.nodeId)?.publicKey === publicKey) return false;
    this.#paths.set(peer.nodeId, new PeerPath({ nodeId: peer.nodeId, publicKey, initiates: isInitiator(this.#ownKey, publicKey) }));
    return true;
  }
}

function from(path: PeerPath, actions: readonly PathAction[]): Wanted[] {
  return actions.map((action) => [path, action]);
}
