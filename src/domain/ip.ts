import ipaddr from 'ipaddr.js';
import { DomainError } from './errors.js';

/** An IPv4 address as an unsigned 32-bit number. */
export type Ip4 = number & { readonly __brand: 'Ip4' };

/** An IPv6 address as an unsigned 128-bit number. */
export type Ip6 = bigint & { readonly __brand: 'Ip6' };

const DOTTED_QUAD = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/**
 * Parses dotted quad notation, four decimal parts without leading zeros.
 *
 * @param field Name of the value in the error sentence.
 * @throws DomainError `invalid_argument`.
 * @see RFC 6943 §3.1.1 on why looser forms are dangerous.
 */
export function parseIp4(text: string, field = 'address'): Ip4 {
  const octets = DOTTED_QUAD.exec(text)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) {
    throw new DomainError('invalid_argument', `${field}: want an IPv4 address like 10.66.0.5, got ${JSON.stringify(text)}`);
  }
  return toIp4(octets);
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

function toIp4(octets: readonly number[]): Ip4 {
  return octets.reduce((sum, octet) => ((sum << 8) | octet) >>> 0, 0) as Ip4;
}
