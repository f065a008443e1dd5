import type { KeyObject } from 'node:crypto';
import type { RendezvousLimits } from './limits.js';
import type { Mac } from '../../platform/wireguard/protocol/mac.js';
import type { Network } from './network.js';
import type { PeerKey } from '../../platform/wireguard/protocol/responder.js';
import type { RelayPair } from './relay-pair.js';
import type { Session } from '../../platform/wireguard/protocol/session.js';
import { TokenBucket } from '../../platform/token-bucket.js';

/** A node's identity at the rendezvous, with all that is known of it at the moment. */
export class Peer implements PeerKey {
  readonly publicKey: KeyObject;
  readonly staticSecret: Buffer;
  readonly mac1: Mac;

  /** Its overlay addresses as bytes, the only sources it may use inside the tunnel. */
  addresses: readonly Buffer[] = [];

  /** Where an authenticated packet of it came from last; an empty address when its sessions are over. */
  address = '';
  port = 0;

  /** The newest TAI64N timestamp of its initiations. */
  newestTimestamp: Buffer = Buffer.alloc(12);
  lastHandshakeMs = 0;

  /** The session to send with, the one before, and one that the node has yet to use. @see whitepaper §6.3 */
  current: Session | undefined;
  previous: Session | undefined;
  next: Session | undefined;

  /** When a keepalive is owed for data that nothing was sent back for; 0 when none is. */
  keepaliveDueMs = 0;
  pendingQueries = 0;

  /** Whom it has exchanged handshakes with through the relay. */
  readonly pairs = new Map<Peer, RelayPair>();
  /** Where among its network's members to look first for whom it begins with next. */
  lookFrom = 0;
  readonly handshakes: TokenBucket;
  readonly relayPackets: TokenBucket;
  readonly relayTrials: TokenBucket;
  readonly pathChecks: TokenBucket;

  constructor(
    readonly nodeId: string,
    readonly network: Network,
    readonly keyHex: string,
    key: PeerKey,
    limits: RendezvousLimits,
    nowMs: number,
  ) {
    ({ publicKey: this.publicKey, staticSecret: this.staticSecret, mac1: this.mac1 } = key);
    this.handshakes = new TokenBucket(limits.handshakesPerSecondPerPeer, nowMs);
    this.relayPackets = new TokenBucket(limits.relayPacketsPerSecondPerSource, nowMs);
    this.pathChecks = new TokenBucket(1, nowMs);
    this.relayTrials = new TokenBucket(limits.relayTrialsPerSecondPerSource, nowMs);
  }

  /** Whether it is known where to send to. */
  get isReachable(): boolean {
    return this.address !== '';
  }

  owns(address: Buffer): boolean {
    return this.addresses.some((own) => own.equals(address));
  }
}
