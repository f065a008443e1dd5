import { isIPv6 } from 'node:net';
import { parseIp6 } from '../../domain/ip.js';

/** The address without the form that carries IPv4 in IPv6, as sockets that serve both give it. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

/** Whom an address counts as when something is limited: itself for IPv4, its /64 for IPv6, since whoever has one has all of it. */
export function sourceOf(address: string): string {
  const plain = plainAddress(address).replace(/%.*$/, '');
  return isIPv6(plain) ? `${(parseIp6(plain) >> 64n).toString(16)}::/64` : plain;
}
