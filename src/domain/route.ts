import { formatCidr4, overlap4, parseCidr4 } from './cidr.js';
import { DomainError } from './errors.js';

/** The route of an exit: everything that has no other way. */
export const EXIT_ROUTE = '0.0.0.0/0';

/** Prefixes that one node may offer: each stands in its network certificate. */
export const MAX_ROUTES = 16;

/** What no network behind a node can be. @see RFC 6890 §2.2.2 */
const NOT_BEHIND_A_NODE: readonly (readonly [string, string])[] = [
  ['0.0.0.0/8', 'this machine itself'],
  ['127.0.0.0/8', 'loopback'],
  ['169.254.0.0/16', 'link-local'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved'],
];

/**
 * Parses a network behind a node, "192.168.7.0/24". The way to everywhere is {@link EXIT_ROUTE} and comes another way.
 *
 * @param field Name of the value in the error sentence.
 * @returns The one text of it.
 * @throws DomainError `invalid_argument` for anything but an IPv4 prefix without host bits in which hosts can be.
 */
export function parseRoute(text: string, field = 'route'): string {
  if (text.endsWith('/0')) throw new DomainError('invalid_argument', `${field}: want a network behind the node, got ${text}, which is everything; for that set exitNode: true in its client.yml`);
  if (text.includes(':')) throw new DomainError('invalid_argument', `${field}: want an IPv4 network, got ${text}; IPv6 networks behind nodes are not supported`);
  const cidr = parseCidr4(text, field);
  const route = formatCidr4(cidr);
  if (route !== text) throw new DomainError('invalid_argument', `${field}: want a network without host bits, ${route}, got ${text}`);
  const special = NOT_BEHIND_A_NODE.find(([prefix]) => overlap4(parseCidr4(prefix), cidr));
  if (special !== undefined) throw new DomainError('invalid_argument', `${field}: want a network in which other machines are, got ${text}, which is ${special[1]} (${special[0]})`);
  return route;
}

/** As {@link parseRoute}, with {@link EXIT_ROUTE}. */
export function parseOfferedRoute(text: string, field = 'route'): string {
  return text === EXIT_ROUTE ? text : parseRoute(text, field);
}

/** Whether two routes share an address. An exit shares none with anybody: what has a way of its own takes that. */
export function routesOverlap(a: string, b: string): boolean {
  if (a === EXIT_ROUTE || b === EXIT_ROUTE) return false;
  return overlap4(parseCidr4(a), parseCidr4(b));
}
