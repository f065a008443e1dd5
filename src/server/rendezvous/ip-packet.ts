/** Protocol numbers served. @see https://www.iana.org/assignments/protocol-numbers */
export const PROTOCOL = { icmp: 1, udp: 17, fragment6: 44, icmp6: 58 } as const;

const HEADER_LENGTH = { 4: 20, 6: 40 } as const;
const HOP_LIMIT = 64;

/** One IP packet, the parts that matter here; addresses are 4 or 16 bytes. */
export interface IpPacket {
  readonly source: Buffer;
  readonly destination: Buffer;
  readonly protocol: number;
  readonly payload: Buffer;
}

/**
 * Reads the packet at the beginning of `bytes`; padding may follow. Extension headers of IPv6 are not followed.
 *
 * @see RFC 791 §3.1, RFC 8200 §3
 */
export function parseIpPacket(bytes: Buffer): IpPacket | 'malformed' | 'fragment' {
  if (bytes.length < HEADER_LENGTH[4]) return 'malformed';
  const version = bytes.readUInt8(0) >> 4;
  if (version === 4) return parseIp4Packet(bytes);
  return version === 6 ? parseIp6Packet(bytes) : 'malformed';
}

/** Writes a packet that needs no fragmentation. */
export function writeIpPacket(packet: IpPacket): Buffer {
  return packet.source.length === 4 ? writeIp4Packet(packet) : writeIp6Packet(packet);
}

/** The internet checksum of the parts joined; each but the last has even length. @see RFC 1071 */
export function internetChecksum(...parts: readonly Buffer[]): number {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i + 1 < part.length; i += 2) sum += part.readUInt16BE(i);
    if (part.length % 2 === 1) sum += part.readUInt8(part.length - 1) << 8;
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** What the checksums of UDP and ICMPv6 cover before the payload. The sum is the same in both IP versions. @see RFC 8200 §8.1 */
export function pseudoHeader(packet: IpPacket): Buffer {
  const rest = Buffer.alloc(8);
  rest.writeUInt32BE(packet.payload.length, 0);
  rest.writeUInt32BE(packet.protocol, 4);
  return Buffer.concat([packet.source, packet.destination, rest]);
}

function parseIp4Packet(bytes: Buffer): IpPacket | 'malformed' | 'fragment' {
  const headerLength = (bytes.readUInt8(0) & 15) * 4;
  const length = bytes.readUInt16BE(2);
  if (headerLength < HEADER_LENGTH[4] || length < headerLength || length > bytes.length) return 'malformed';
  // More fragments, or an offset; only "don't fragment" may be set.
  if ((bytes.readUInt16BE(6) & 0x3fff) !== 0) return 'fragment';
  return {
    source: bytes.subarray(12, 16),
    destination: bytes.subarray(16, 20),
    protocol: bytes.readUInt8(9),
    payload: bytes.subarray(headerLength, length),
  };
}

function parseIp6Packet(bytes: Buffer): IpPacket | 'malformed' | 'fragment' {
  if (bytes.length < HEADER_LENGTH[6]) return 'malformed';
  const end = HEADER_LENGTH[6] + bytes.readUInt16BE(4);
  if (end > bytes.length) return 'malformed';
  const protocol = bytes.readUInt8(6);
  if (protocol === PROTOCOL.fragment6) return 'fragment';
  return { source: bytes.subarray(8, 24), destination: bytes.subarray(24, 40), protocol, payload: bytes.subarray(HEADER_LENGTH[6], end) };
}

function writeIp4Packet({ source, destination, protocol, payload }: IpPacket): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH[4]);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(header.length + payload.length, 2);
  header.writeUInt16BE(0x4000, 6);
  header.writeUInt8(HOP_LIMIT, 8);
  header.writeUInt8(protocol, 9);
  source.copy(header, 12);
  destination.copy(header, 16);
  header.writeUInt16BE(internetChecksum(header), 10);
  return Buffer.concat([header, payload]);
}

function writeIp6Packet({ source, destination, protocol, payload }: IpPacket): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH[6]);
  header.writeUInt8(0x60, 0);
  header.writeUInt16BE(payload.length, 4);
  header.writeUInt8(protocol, 6);
  header.writeUInt8(HOP_LIMIT, 7);
  source.copy(header, 8);
  destination.copy(header, 24);
  return Buffer.concat([header, payload]);
}
