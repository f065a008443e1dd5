/** What bounds the work that others can make the rendezvous do. Each rate allows a burst of a second's worth. */
export interface RendezvousLimits {
  /** Initiations to the controller per second above which senders must prove their address by a cookie. */
  readonly handshakesPerSecond: number;
  /** Initiations per second from one proved address while cookies are asked. */
  readonly handshakesPerSecondPerAddress: number;
  /** Initiations per second of one node; the protocol asks for no more than one in five seconds. */
  readonly handshakesPerSecondPerPeer: number;
  /** Relayed packets per second of one sender. */
  readonly relayPacketsPerSecondPerSource: number;
  /** Relayed bytes per second between two nodes, both directions together. */
  readonly relayBytesPerSecondPerPair: number;
  /** Peers per second whose mac1 is tried to find whom a relayed initiation is for: of one sender, and of all. */
  readonly relayTrialsPerSecondPerSource: number;
  readonly relayTrialsPerSecond: number;
  /** DNS queries of one node that wait for an answer at the same time. */
  readonly pendingQueriesPerPeer: number;
  /** Answers per second to probes for a symmetric NAT. */
  readonly probesPerSecond: number;
}

/** Sized for one core that also serves the control plane, at 2 ms a handshake and some 2 µs a mac1. */
export const DEFAULT_LIMITS: RendezvousLimits = {
  handshakesPerSecond: 200,
  handshakesPerSecondPerAddress: 20,
  handshakesPerSecondPerPeer: 20,
  relayPacketsPerSecondPerSource: 50_000,
  relayBytesPerSecondPerPair: 100_000_000,
  relayTrialsPerSecondPerSource: 10_000,
  relayTrialsPerSecond: 30_000,
  pendingQueriesPerPeer: 64,
  probesPerSecond: 1000,
};
