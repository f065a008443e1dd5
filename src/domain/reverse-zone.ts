import { parseCidr4, parseCidr6, type Cidr4, type Cidr6 } from './cidr.js';
import { reverseName4, reverseName6, type DnsName } from './dns-name.js';
import type { Ip4, Ip6 } from './ip.js';

/**
 * The names below which the addresses of a network are looked up backwards, and only they.
 *
 * A prefix that ends inside an octet is covered by several zones (10.66.0.0/23 by two), one longer than /24 by the zone of
 * its /24. In ip6.arpa the same holds for nibbles.
 *
 * @param cidr  "10.66.0.0/24".
 * @param cidr6 "fd00:66::/64", or empty.
 * @throws DomainError `invalid_argument` for a malformed network.
 * @see RFC 1035 §3.5, RFC 3596 §2.5
 */
export function reverseZones(cidr: string, cidr6: string): DnsName[] {
  return [...zones4(parseCidr4(cidr)), ...(cidr6 === '' ? [] : zones6(parseCidr6(cidr6)))];
}

function zones4({ base, prefixLength }: Cidr4): DnsName[] {
  const octets = Math.min(3, Math.max(1, Math.ceil(prefixLength / 8)));
  const count = 2 ** Math.max(0, 8 * octets - prefixLength);
  const step = 2 ** (32 - 8 * octets);
  return Array.from({ length: count }, (_, i) => reverseName4((base + i * step) as Ip4, octets));
}

function zones6({ base, prefixLength }: Cidr6): DnsName[] {
  const nibbles = Math.min(31, Math.max(1, Math.ceil(prefixLength / 4)));
  const count = 2 ** Math.max(0, 4 * nibbles - prefixLength);
  const step = 1n << BigInt(128 - 4 * nibbles);
  return Array.from({ length: count }, (_, i) => reverseName6((base + BigInt(i) * step) as Ip6, nibbles));
}
