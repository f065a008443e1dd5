import { addressBytes } from '../../platform/address-bytes.js';
import type { Directory } from './directory.js';
import type { RendezvousLimits } from './limits.js';
import { Peer } from './peer.js';
import type { Relay } from './relay.js';
import type { FindPeer, RendezvousNetwork, RendezvousPeer } from './rendezvous.js';
import type { Responder } from '../../platform/wireguard/protocol/responder.js';
import type { Tunnels } from './tunnels.js';

/** What membership works with. */
export interface MembershipDeps {
  readonly responder: Responder;
  readonly directory: Directory;
  readonly tunnels: Tunnels;
  readonly relay: Relay;
  readonly limits: RendezvousLimits;
  readonly findPeer: FindPeer;
}

/** Keeps who is who as the store says it, and ends at once what a change forbids. */
export class Membership {
  readonly #deps: MembershipDeps;

  constructor(deps: MembershipDeps) {
    this.#deps = deps;
  }

  /** @throws DomainError `invalid_argument` before anything is changed. */
  setPeer(wanted: RendezvousPeer, nowMs: number): void {
    const { directory, responder, limits } = this.#deps;
    const addresses = bytesOf(wanted.bindIp, wanted.bindIp6);
    const keyHex = Buffer.from(wanted.wgPublicKey).toString('hex');
    const known = directory.byNodeId(wanted.nodeId);
    if (known !== undefined && known.keyHex === keyHex && known.network.name === wanted.network) {
      known.addresses = addresses;
      return;
    }
    const peer = new Peer(wanted.nodeId, directory.network(wanted.network), keyHex, responder.peerKey(wanted.wgPublicKey), limits, nowMs);
    peer.addresses = addresses;
    for (const before of [known, directory.byKey(keyHex)]) if (before !== undefined) this.#remove(before);
    directory.add(peer);
  }

  /** The peer of a raw static key, known already or made now that it has come. */
  peerOf(wgPublicKey: Buffer, nowMs: number): Peer | undefined {
    const { directory, findPeer } = this.#deps;
    const keyHex = wgPublicKey.toString('hex');
    const known = directory.byKey(keyHex);
    if (known !== undefined) return known;
    const found = findPeer(wgPublicKey);
    if (found !== undefined) this.setPeer(found, nowMs);
    return directory.byKey(keyHex);
  }

  removePeer(nodeId: string): void {
    const peer = this.#deps.directory.byNodeId(nodeId);
    if (peer !== undefined) this.#remove(peer);
  }

  /** @throws DomainError `invalid_argument` before anything is changed. */
  setNetwork(wanted: RendezvousNetwork): void {
    const addresses = bytesOf(wanted.bindIp, wanted.bindIp6);
    const network = this.#deps.directory.network(wanted.name);
    network.addresses = addresses;
    network.interconnection = wanted.interconnection;
    if (!wanted.interconnection) this.#deps.relay.removeNetwork(network);
  }

  #remove(peer: Peer): void {
    this.#deps.relay.removePeer(peer);
    this.#deps.tunnels.close(peer);
    this.#deps.directory.remove(peer);
  }
}

function bytesOf(bindIp: string, bindIp6: string): readonly Buffer[] {
  return [bindIp, bindIp6].filter((address) => address !== '').map(addressBytes);
}
