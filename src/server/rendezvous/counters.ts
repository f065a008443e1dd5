/** Why a datagram, or the packet inside it, went no further. */
export const DROP_REASONS = [
  /** No message of WireGuard, or of the wrong length. */
  'malformed',
  /** An initiation for nobody whom its sender may reach, or not with a right mac1. */
  'unaddressed',
  'handshake_forged',
  /** Initiated by a key that is no node's. */
  'peer_unknown',
  /** Of a node over the TCP connection of another. */
  'peer_foreign',
  /** An initiation not newer than the node's last. */
  'handshake_replayed',
  'handshake_rate',
  /** Answered with a cookie instead. */
  'cookie_asked',
  'session_unknown',
  'session_expired',
  'packet_replayed',
  'packet_forged',
  /** To be relayed, from an address that no node has authenticated. */
  'source_unknown',
  /** To be relayed to a node that has no session with the controller at the moment. */
  'receiver_away',
  /** Its source address inside the tunnel is not the node's own. */
  'source_spoofed',
  /** Another session is addressed by the same index. */
  'index_taken',
  'rate_source',
  'rate_pair',
  'rate_trials',
  /** Inside the tunnel, something else than ping and DNS to the controller's address. */
  'not_served',
  'fragment',
  'query_rate',
] as const;

/** One reason of {@link DROP_REASONS}. */
export type DropReason = (typeof DROP_REASONS)[number];

/** What happened since the start, in numbers. */
export class Counters {
  handshakes = 0;
  relayedPackets = 0;
  relayedBytes = 0;
  readonly dropped = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>;

  drop(reason: DropReason): void {
    this.dropped[reason]++;
  }
}
