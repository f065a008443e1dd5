import { DomainError } from './errors.js';
import { formatIp4, formatIp6, parseIp4, parseIp6, type Ip4, type Ip6 } from './ip.js';

/** An IPv4 network. `base` has no host bits; `size` counts all addresses, the two that name no host too. */
export interface Cidr4 {
  readonly base: Ip4;
  readonly prefixLength: number;
  readonly size: number;
}

/** An IPv6 network. `base` has no host bits. */
export interface Cidr6 {
  readonly base: Ip6;
  readonly prefixLength: number;
}

/**
 * Parses "10.66.0.0/24". A host address is taken for its network, as LiteKube's `networkAddr: 10.1.1.1/24` wants it.
 *
 * @throws DomainError `invalid_argument`.
 */
export function parseCidr4(text: string, field = 'network'): Cidr4 {
  const { address, prefixLength } = split(text, 32, field, '10.66.0.0/24');
  const ip = parseIp4(address, field);
  const size = 2 ** (32 - prefixLength);
  return { base: (ip - (ip % size)) as Ip4, prefixLength, size };
}

/** The text of a network, "10.66.0.0/24". */
export function formatCidr4(cidr: Cidr4): string {
  return `${formatIp4(cidr.base)}/${cidr.prefixLength}`;
}

/**
 * Parses "fd00:66::/64".
 *
 * @throws DomainError `invalid_argument`.
 */
export function parseCidr6(text: string, field = 'network'): Cidr6 {
  const { address, prefixLength } = split(text, 128, field, 'fd00:66::/64');
  const hostBits = BigInt(128 - prefixLength);
  return { base: ((parseIp6(address, field) >> hostBits) << hostBits) as Ip6, prefixLength };
}

/** The text of a network, "fd00:66::/64". */
export function formatCidr6(cidr: Cidr6): string {
  return `${formatIp6(cidr.base)}/${cidr.prefixLength}`;
}

/** Whether `ip` lies in `cidr`. */
export function contains4(cidr: Cidr4, ip: Ip4): boolean {
  return ip >= cidr.base && ip - cidr.base < cidr.size;
}

/** Whether `ip` lies in `cidr`. */
export function contains6(cidr: Cidr6, ip: Ip6): boolean {
  return ip >> BigInt(128 - cidr.prefixLength) === cidr.base >> BigInt(128 - cidr.prefixLength);
}

/** Whether two networks share an address. */
export function overlap4(a: Cidr4, b: Cidr4): boolean {
  return contains4(a, b.base) || contains4(b, a.base);
}

/** Whether two networks share an address. */
export function overlap6(a: Cidr6, b: Cidr6): boolean {
  return contains6(a, b.base) || contains6(b, a.base);
}

function split(text: string, bits: number, field: string, example: string): { address: string; prefixLength: number } {
  const match = /^([^/]+)\/(\d{1,3})$/.exec(text);
  const prefixLength = Number(match?.[2]);
  if (match?.[1] === undefined || !(prefixLength <= bits)) {
    throw new DomainError('invalid_argument', `${field}: want a network like ${example}, got ${JSON.stringify(text)}`);
  }
  return { address: match[1], prefixLength };
}
