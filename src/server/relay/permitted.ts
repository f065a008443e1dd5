import { RelayServiceWatchResponse, type RelayNetwork, type RelayNode } from '../../gen/networkcontroller/v1/relay.js';
import type { Rendezvous } from '../rendezvous/rendezvous.js';

/** The part of a rendezvous that is told who may talk to whom. */
export type RelayPeers = Pick<Rendezvous, 'setPeer' | 'removePeer' | 'setNetwork'>;

/**
 * Whom a relay passes packets between, as the controller said it last. Parts of a new whole are gathered and take effect together, so that
 * nobody is cut off while they come.
 */
export class Permitted {
  readonly #peers: RelayPeers;
  #networks = new Map<string, RelayNetwork>();
  #nodes = new Map<string, RelayNode>();
  /** The nodes of a new whole that is still coming. */
  #coming: Set<string> | undefined;

  constructor(peers: RelayPeers) {
    this.#peers = peers;
  }

  /** Nodes that are known. */
  get size(): number {
    return this.#nodes.size;
  }

  /** Takes one message of the stream, or the whole that was kept. */
  take(message: RelayServiceWatchResponse): void {
    if (message.reset) this.#coming = new Set();
    for (const network of message.networks) this.#setNetwork(network);
    for (const node of message.nodes) this.#setNode(node);
    for (const nodeId of message.removedNodeIds) this.#remove(nodeId);
    if (!message.complete || this.#coming === undefined) return;
    for (const nodeId of [...this.#nodes.keys()]) if (!this.#coming.has(nodeId)) this.#remove(nodeId);
    this.#coming = undefined;
  }

  /** The whole as one message, for the disk. */
  snapshot(): RelayServiceWatchResponse {
    return RelayServiceWatchResponse.fromPartial({ reset: true, complete: true, networks: [...this.#networks.values()], nodes: [...this.#nodes.values()] });
  }

  #setNetwork(network: RelayNetwork): void {
    this.#networks.set(network.name, network);
    this.#peers.setNetwork({ ...network, bindIp: '', bindIp6: '' });
  }

  #setNode(node: RelayNode): void {
    this.#coming?.add(node.nodeId);
    this.#nodes.set(node.nodeId, node);
    this.#peers.setPeer({ ...node, bindIp: '', bindIp6: '' });
  }

  #remove(nodeId: string): void {
    this.#nodes.delete(nodeId);
    this.#peers.removePeer(nodeId);
  }
}
