/** A node as the rendezvous must know it. */
export interface RendezvousPeer {
  readonly nodeId: string;
  readonly network: string;
  /** X25519, 32 bytes. */
  readonly wgPublicKey: Uint8Array;
  readonly bindIp: string;
  /** Empty without IPv6. */
  readonly bindIp6: string;
}

/** Counters since the start. */
export interface RendezvousStats {
  readonly handshakes: number;
  readonly relayedPackets: number;
  readonly relayedBytes: number;
  readonly droppedPackets: number;
}

/** What the rendezvous tells the rest of the server. */
export interface RendezvousEvents {
  /** An authenticated handshake or packet of the node came from `endpoint`, which differs from the one before. */
  onEndpoint(nodeId: string, endpoint: string): void;
  /** The node completed a WireGuard handshake with the controller. */
  onHandshake(nodeId: string, atMs: number): void;
  /** A DNS query of a node to the controller's overlay address; the answer goes back through the tunnel. */
  onDnsQuery(query: Uint8Array, from: { readonly nodeId: string; readonly network: string; readonly address: string }): Promise<Uint8Array | undefined>;
}

/**
 * One unprivileged UDP socket that completes WireGuard handshakes with nodes, learns their reflexive endpoints, relays
 * encrypted packets between nodes blindly, and answers ping and DNS at the controller's overlay addresses.
 */
export interface Rendezvous {
  /** The UDP port in use. */
  readonly port: number;
  /** The controller's WireGuard public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  setPeer(peer: RendezvousPeer): void;
  removePeer(nodeId: string): void;
  /** The controller's own addresses in a network. */
  setNetwork(network: { readonly name: string; readonly bindIp: string; readonly bindIp6: string; readonly interconnection: boolean }): void;
  /** The node's last authenticated source, as "address:port". */
  endpointOf(nodeId: string): string | undefined;
  lastHandshakeMs(nodeId: string): number;
  stats(): RendezvousStats;
  stop(): Promise<void>;
}
