import type { Source } from './datagram.js';
import { Network } from './network.js';
import type { Peer } from './peer.js';

/** Finds peers by everything they are known by. */
export class Directory {
  readonly #networks = new Map<string, Network>();
  readonly #byNodeId = new Map<string, Peer>();
  readonly #byKey = new Map<string, Peer>();
  readonly #bySource = new Map<string, Peer>();

  /** The network of that name, unknown until now perhaps. */
  network(name: string): Network {
    const known = this.#networks.get(name);
    if (known !== undefined) return known;
    const network = new Network(name);
    this.#networks.set(name, network);
    return network;
  }

  peers(): Iterable<Peer> {
    return this.#byNodeId.values();
  }

  byNodeId(nodeId: string): Peer | undefined {
    return this.#byNodeId.get(nodeId);
  }

  byKey(keyHex: string): Peer | undefined {
    return this.#byKey.get(keyHex);
  }

  /** The peer whose authenticated packets come from there. */
  bySource(source: Source): Peer | undefined {
    return this.#bySource.get(sourceKey(source));
  }

  add(peer: Peer): void {
    this.#byNodeId.set(peer.nodeId, peer);
    this.#byKey.set(peer.keyHex, peer);
    peer.network.add(peer);
  }

  remove(peer: Peer): void {
    this.forgetSource(peer);
    this.#byNodeId.delete(peer.nodeId);
    this.#byKey.delete(peer.keyHex);
    peer.network.remove(peer);
  }

  /** Notes where an authenticated packet came from; answers whether that is news. */
  learnSource(peer: Peer, source: Source): boolean {
    if (peer.address === source.address && peer.port === source.port) return false;
    this.forgetSource(peer);
    // Whoever was there before is not any more: an address and port hold one socket.
    const before = this.bySource(source);
    if (before !== undefined) this.forgetSource(before);
    peer.address = source.address;
    peer.port = source.port;
    this.#bySource.set(sourceKey(source), peer);
    return true;
  }

  forgetSource(peer: Peer): void {
    this.#bySource.delete(sourceKey(peer));
    peer.address = '';
    peer.port = 0;
  }
}

function sourceKey(source: Source): string {
  return `${source.address} ${source.port}`;
}
