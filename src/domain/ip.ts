import ipaddr from 'ipaddr.js';
import { DomainError } from './errors.js';

/** An IPv4 address as an unsigned 32-bit number. */
export type Ip4 = number & { readonly __brand: 'Ip4' };

/** An IPv6 address as an unsigned 128-bit number. */
export type Ip6 = bigint & { readonly __brand: 'Ip6' };

const [DOT, ZERO, NINE] = [0x2e, 0x30, 0x39];

/**
 * Parses dotted quad notation, four decimal parts without leading zeros.
 *
 * @param field Name of the value in the error sentence.
 * @throws DomainError `invalid_argument`.
 * @see RFC 6943 §3.1.1 on why looser forms are dangerous.
 */
export function parseIp4(text: string, field = 'address'): Ip4 {
  const ip = quadOf(text);
  if (ip === undefined) throw new DomainError('invalid_argument', `${field}: want an IPv4 address like 10.66.0.5, got ${JSON.stringify(text)}`);
  return ip as Ip4;
}

/** Goes over the characters, since a start reads the addresses of a million nodes. */
function quadOf(text: string): number | undefined {
  let [ip, octet, octets, digits] = [0, 0, 1, 0];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === DOT) {
      if (digits === 0) return undefined;
      [ip, octet, digits] = [ip * 256 + octet, 0, 0];
      octets++;
    } else {
      if (code < ZERO || code > NINE || (digits > 0 && octet === 0)) return undefined;
      octet = octet * 10 + code - ZERO;
      digits++;
      if (octet > 255) return undefined;
    }
  }
  return octets === 4 && digits > 0 ? ip * 256 + octet : undefined;
}

/** The dotted quad of `ip`. */
export function formatIp4(ip: Ip4): string {
  return `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;
}

/**
 * Parses an IPv6 address without zone.
 *
 * @throws DomainError `invalid_argument`.
 * @see RFC 4291 §2.2
 */
export function parseIp6(text: string, field = 'address'): Ip6 {
  if (!ipaddr.IPv6.isValid(text) || text.includes('%')) {
    throw new DomainError('invalid_argument', `${field}: want an IPv6 address like fd00:66::5, got ${JSON.stringify(text)}`);
  }
  return ipaddr.IPv6.parse(text).parts.reduce((sum, part) => (sum << 16n) | BigInt(part), 0n) as Ip6;
}

/** The canonical text of `ip`. @see RFC 5952 */
export function formatIp6(ip: Ip6): string {
  const parts = Array.from({ length: 8 }, (_, i) => Number((ip >> BigInt(112 - 16 * i)) & 0xffffn));
  return new ipaddr.IPv6(parts).toRFC5952String();
}
