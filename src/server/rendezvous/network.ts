import type { Peer } from './peer.js';

/** A network as the rendezvous sees it. Unknown settings are the strictest. */
export class Network {
  /** The controller's own addresses in it, as bytes. */
  addresses: readonly Buffer[] = [];
  /** Whether its nodes may reach each other. */
  interconnection = false;
  readonly #members: Peer[] = [];

  constructor(readonly name: string) {}

  /** In the order of their ids, in which agents learn of them too. */
  get members(): readonly Peer[] {
    return this.#members;
  }

  add(peer: Peer): void {
    let [low, high] = [0, this.#members.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#members[middle]!.nodeId < peer.nodeId) low = middle + 1;
      else high = middle;
    }
    this.#members.splice(low, 0, peer);
  }

  remove(peer: Peer): void {
    const at = this.#members.indexOf(peer);
    if (at >= 0) this.#members.splice(at, 1);
  }

  isController(address: Buffer): boolean {
    return this.addresses.some((own) => own.equals(address));
  }
}
