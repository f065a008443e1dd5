import type { Cidr4, Cidr6 } from './cidr.js';
import type { DnsName } from './dns-name.js';
import { parseIp4, parseIp6 } from './ip.js';

const OCTET_LABELS = /^(?:(?:0|[1-9]\d{0,2})\.){1,4}in-addr\.arpa$/;
const NIBBLE_LABELS = /^(?:[0-9a-f]\.){1,32}ip6\.arpa$/;

/**
 * The addresses whose names are this name or lie below it; a range of one for the name of an address.
 *
 * @returns undefined for a name of no address, however short.
 * @see RFC 1035 §3.5
 */
export function reverseRange4(name: DnsName): Cidr4 | undefined {
  if (!OCTET_LABELS.test(name)) return undefined;
  const octets = name.split('.').slice(0, -2).reverse();
  if (octets.some((octet) => Number(octet) > 255)) return undefined;
  const prefixLength = 8 * octets.length;
  return { base: parseIp4([...octets, '0', '0', '0'].slice(0, 4).join('.')), prefixLength, size: 2 ** (32 - prefixLength) };
}

/** The same for IPv6. @see RFC 3596 §2.5 */
export function reverseRange6(name: DnsName): Cidr6 | undefined {
  if (!NIBBLE_LABELS.test(name)) return undefined;
  const nibbles = name.split('.').slice(0, -2).reverse();
  const digits = nibbles.join('').padEnd(32, '0');
  return { base: parseIp6(digits.match(/.{4}/g)!.join(':')), prefixLength: 4 * nibbles.length };
}
