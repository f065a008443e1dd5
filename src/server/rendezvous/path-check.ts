import type { Source } from './datagram.js';
import { internetChecksum, PROTOCOL, writeIpPacket } from './ip-packet.js';
import type { Peer } from './peer.js';
import type { Tunnels } from './tunnels.js';

/** A transport message with the smallest IPv4 ping in it, padded. */
const QUESTION_LENGTH = 64;

const ECHO_REQUEST = 8;

/**
 * Finds a node again whose NAT has given it another port.
 *
 * Its relayed packets then come from somewhere that nobody has authenticated, and its session with the controller
 * may keep silent for as long as its keepalive interval. So the controller pings it there, through the tunnel: only the
 * node can read the ping, and its answer authenticates the place.
 */
export class PathCheck {
  readonly #tunnels: Tunnels;

  constructor(tunnels: Tunnels) {
    this.#tunnels = tunnels;
  }

  /**
   * Asks whether `peer` is at `source` now, from where `message` came in its name. At most once a second, and never with
   * more bytes than came, so that a forged source gains nothing.
   */
  ask(peer: Peer, message: Buffer, source: Source, nowMs: number): void {
    const [from] = peer.network.addresses;
    const [to] = peer.addresses;
    if (from === undefined || to === undefined || message.length < QUESTION_LENGTH || !peer.pathChecks.take(1, nowMs)) return;
    this.#tunnels.send(peer, writePing(from, to), nowMs, source);
  }
}

/** @see RFC 792 */
function writePing(source: Buffer, destination: Buffer): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt8(ECHO_REQUEST, 0);
  payload.writeUInt16BE(internetChecksum(payload), 2);
  return writeIpPacket({ source, destination, protocol: PROTOCOL.icmp, payload });
}
