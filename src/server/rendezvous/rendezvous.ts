import type { DropReason } from './counters.js';
import type { NodeConnection } from './tcp-connections.js';

/** A node as the rendezvous must know it. */
export interface RendezvousPeer {
  readonly nodeId: string;
  readonly network: string;
  /** X25519, 32 bytes. */
  readonly wgPublicKey: Uint8Array;
  /** Empty where it is not known: what comes from inside the tunnel is dropped then. */
  readonly bindIp: string;
  /** Empty without IPv6. */
  readonly bindIp6: string;
}

/** Finds the node that a raw WireGuard key is of; undefined for a stranger's. */
export type FindPeer = (wgPublicKey: Buffer) => RendezvousPeer | undefined;

/** A network as the rendezvous must know it. */
export interface RendezvousNetwork {
  readonly name: string;
  /** The controller's own addresses in it; empty for none. */
  readonly bindIp: string;
  readonly bindIp6: string;
  /** Whether the relay passes packets between its nodes. */
  readonly interconnection: boolean;
}

/** Counters since the start, and how much there is at the moment. */
export interface RendezvousStats {
  /** Completed by both sides. */
  readonly handshakes: number;
  readonly relayedPackets: number;
  readonly relayedBytes: number;
  readonly droppedPackets: number;
  readonly droppedByReason: Readonly<Record<DropReason, number>>;
  /** Pairs of nodes that talk through the relay now. */
  readonly relayedPairs: number;
  /** Nodes whose packets come over TCP now. */
  readonly tcpConnections: number;
  /** Packets lost because a TCP connection was slower than what came for it. */
  readonly tcpDroppedPackets: number;
}

/** Who asks a DNS query, as the tunnel has authenticated it. */
export interface QuerySource {
  readonly nodeId: string;
  readonly network: string;
  /** The overlay address that the query came from. */
  readonly address: string;
  /** A longer answer is not sent: truncate it and set TC. */
  readonly maxAnswerBytes: number;
}

/** What the rendezvous tells the rest of the server. */
export interface RendezvousEvents {
  /** An authenticated packet of the node came from `endpoint`, which differs from the one before. */
  onEndpoint(nodeId: string, endpoint: string): void;
  /** The node completed a WireGuard handshake with the controller. */
  onHandshake(nodeId: string, atMs: number): void;
  /** A DNS query of a node to the controller's overlay address; the answer goes back through the tunnel. */
  onDnsQuery(query: Uint8Array, from: QuerySource): Promise<Uint8Array | undefined>;
}

/**
 * One unprivileged UDP socket that completes WireGuard handshakes with nodes, learns their reflexive endpoints, relays
 * encrypted packets between nodes blindly, and answers ping and DNS at the controller's overlay addresses.
 */
export interface Rendezvous {
  /** The UDP port in use. */
  readonly port: number;
  /** A second port that tells senders their address, so that an agent can find out that its NAT is symmetric. */
  readonly probePort: number;
  /** The controller's WireGuard public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  /**
   * Makes a node known or follows its change. A new key or network ends its sessions; new addresses do not. Of two nodes
   * with one key the one set last has it.
   *
   * @throws DomainError `invalid_argument` for a key or address that is malformed; nothing is changed then.
   */
  setPeer(peer: RendezvousPeer): void;
  /** Ends the node's sessions with the controller and, through the relay, with others, at once. */
  removePeer(nodeId: string): void;
  /**
   * Makes a network known or follows its change. Until then its nodes reach neither the controller nor each other.
   *
   * @throws DomainError `invalid_argument` for an address that is malformed; nothing is changed then.
   */
  setNetwork(network: RendezvousNetwork): void;
  /**
   * Takes a node's packets from a TCP connection and sends those for it there, as long as its sessions are used over it. The node's
   * connection before this one ends.
   */
  carry(connection: NodeConnection): void;
  /** Whether it has been told of the node, or the node has come by itself. */
  knows(nodeId: string): boolean;
  /** Where the node's authenticated packets come from, as `address:port`; undefined without a live session, and over TCP. */
  endpointOf(nodeId: string): string | undefined;
  /** When the node last completed a handshake, UTC ms; 0 for never. */
  lastHandshakeMs(nodeId: string): number;
  stats(): RendezvousStats;
  /** Closes the sockets. Nodes keep their direct paths; what the relay carried waits for the next start. Idempotent. */
  stop(): Promise<void>;
}
