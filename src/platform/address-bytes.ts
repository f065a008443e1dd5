import { formatIp4, formatIp6, parseIp4, parseIp6, type Ip4, type Ip6 } from '../domain/ip.js';

const MAPPED = '::ffff:';

/** The address without the prefix under which IPv6 sockets show IPv4. @see RFC 4291 §2.5.5.2 */
export function plainAddress(address: string): string {
  return address.startsWith(MAPPED) && address.includes('.') ? address.slice(MAPPED.length) : address;
}

/**
 * An address as the 4 or 16 bytes that packets carry, without the zone of a link-local one.
 *
 * @throws DomainError `invalid_argument` for one that is malformed.
 */
export function addressBytes(text: string): Buffer {
  const plain = plainAddress(text);
  if (plain.includes(':')) return Buffer.from(parseIp6(plain.replace(/%.*/, '')).toString(16).padStart(32, '0'), 'hex');
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(parseIp4(plain));
  return bytes;
}

/** The inverse of {@link addressBytes}. */
export function formatAddressBytes(bytes: Buffer): string {
  return bytes.length === 4 ? formatIp4(bytes.readUInt32BE() as Ip4) : formatIp6(BigInt(`0x${bytes.toString('hex')}`) as Ip6);
}
