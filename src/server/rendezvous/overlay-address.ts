import { formatAddressBytes } from '../../platform/address-bytes.js';
import type { DropReason } from './counters.js';
import { internetChecksum, parseIpPacket, PROTOCOL, pseudoHeader, writeIpPacket, type IpPacket } from './ip-packet.js';
import type { Peer } from './peer.js';

const ECHO = { request4: 8, reply4: 0, request6: 128, reply6: 129 } as const;
const ICMP_LEAST = 8;
const UDP_HEADER_LENGTH = 8;
const DNS_PORT = 53;

/** The longest DNS message that passes every tunnel unfragmented. @see https://dnsflagday.net/2020 */
export const DNS_ANSWER_LIMIT = 1232;

/** Asks for the answer to a DNS query; undefined for none. Never rejects. */
export type Ask = (peer: Peer, query: Uint8Array, address: string) => Promise<Uint8Array | undefined>;

/** What the overlay address works with. */
export interface OverlayAddressDeps {
  readonly pendingQueriesPerPeer: number;
  /** Sends an IP packet through the tunnel. */
  send(peer: Peer, packet: Buffer): void;
  readonly ask: Ask;
  drop(reason: DropReason): void;
}

/**
 * The controller as a host of its networks: it answers ping and DNS, inside this process. There is no interface, so
 * there is nothing else to reach.
 */
export class OverlayAddress {
  readonly #deps: OverlayAddressDeps;

  constructor(deps: OverlayAddressDeps) {
    this.#deps = deps;
  }

  /** Serves a packet that came through the tunnel of `peer`. */
  receive(peer: Peer, bytes: Buffer): void {
    const refused = this.#serve(peer, bytes);
    if (refused !== undefined) this.#deps.drop(refused);
  }

  #serve(peer: Peer, bytes: Buffer): DropReason | undefined {
    const packet = parseIpPacket(bytes);
    if (typeof packet === 'string') return packet;
    if (!peer.owns(packet.source)) return 'source_spoofed';
    if (!peer.network.isController(packet.destination)) return 'not_served';
    switch (packet.protocol) {
      case PROTOCOL.icmp:
        return packet.source.length === 4 ? this.#echo(peer, packet, ECHO.request4, ECHO.reply4) : 'not_served';
      case PROTOCOL.icmp6:
        return packet.source.length === 16 ? this.#echo(peer, packet, ECHO.request6, ECHO.reply6) : 'not_served';
      case PROTOCOL.udp:
        return this.#udp(peer, packet);
      default:
        return 'not_served';
    }
  }

  /** @see RFC 792, RFC 4443 §4 */
  #echo(peer: Peer, packet: IpPacket, request: number, replyType: number): DropReason | undefined {
    if (packet.payload.length < ICMP_LEAST) return 'malformed';
    // The node answers a ping of ours; that it came through the tunnel has said all there is to say.
    if (packet.payload.readUInt16BE(0) === replyType << 8) return undefined;
    if (packet.payload.readUInt16BE(0) !== request << 8) return 'not_served';
    const payload = Buffer.from(packet.payload);
    payload.writeUInt32BE((replyType << 24) >>> 0, 0);
    const reply = { ...packet, source: packet.destination, destination: packet.source, payload };
    const covered = packet.protocol === PROTOCOL.icmp6 ? [pseudoHeader(reply), payload] : [payload];
    payload.writeUInt16BE(internetChecksum(...covered), 2);
    this.#deps.send(peer, writeIpPacket(reply));
    return undefined;
  }

  /** @see RFC 768 */
  #udp(peer: Peer, packet: IpPacket): DropReason | undefined {
    const { payload } = packet;
    if (payload.length < UDP_HEADER_LENGTH) return 'malformed';
    const length = payload.readUInt16BE(4);
    if (length < UDP_HEADER_LENGTH || length > payload.length) return 'malformed';
    if (payload.readUInt16BE(2) !== DNS_PORT) return 'not_served';
    if (peer.pendingQueries >= this.#deps.pendingQueriesPerPeer) return 'query_rate';
    peer.pendingQueries++;
    const port = payload.readUInt16BE(0);
    void this.#deps
      .ask(peer, payload.subarray(UDP_HEADER_LENGTH, length), formatAddressBytes(packet.source))
      .then((answer) => answer !== undefined && this.#deps.send(peer, dnsAnswer(packet, port, answer)))
      .finally(() => peer.pendingQueries--);
    return undefined;
  }
}

function dnsAnswer(query: IpPacket, port: number, answer: Uint8Array): Buffer {
  const payload = Buffer.alloc(UDP_HEADER_LENGTH + answer.length);
  payload.writeUInt16BE(DNS_PORT, 0);
  payload.writeUInt16BE(port, 2);
  payload.writeUInt16BE(payload.length, 4);
  payload.set(answer, UDP_HEADER_LENGTH);
  const packet = { source: query.destination, destination: query.source, protocol: PROTOCOL.udp, payload };
  // A sum of zero means "no checksum", so it is sent as its other form.
  payload.writeUInt16BE(internetChecksum(pseudoHeader(packet), payload) || 0xffff, 6);
  return writeIpPacket(packet);
}
