import { contains4, contains6, parseCidr4, parseCidr6 } from '../../domain/cidr.js';

/** A route of this machine that does not lead into the overlay. */
export interface SystemRoute {
  /** "192.168.1.0/24" */
  readonly destination: string;
  /** Empty for a route that leads nowhere, such as a blackhole. */
  readonly device: string;
  /** Whether its hosts are neighbours on the device, not behind a gateway. */
  readonly connected: boolean;
}

/**
 * Finds what of this machine's network `prefix` would collide with.
 *
 * A route inside the prefix would take packets that are meant for the overlay; a prefix inside the network of one of our own
 * devices would take away its neighbours. A wider route through a gateway is none of both: it merely loses the part that
 * the overlay is more exact about.
 *
 * @param prefix "10.66.0.0/24" or "fd00:66::/64"; host bits are ignored.
 */
export function findOverlap(prefix: string, routes: readonly SystemRoute[]): SystemRoute | undefined {
  const family = prefix.includes(':');
  return routes
    .filter(({ destination }) => destination.includes(':') === family)
    .find(({ destination, connected }) => isInside(destination, prefix) || (connected && isInside(prefix, destination)));
}

function isInside(inner: string, outer: string): boolean {
  if (inner.includes(':')) {
    const [a, b] = [parseCidr6(inner), parseCidr6(outer)];
    return a.prefixLength >= b.prefixLength && contains6(b, a.base);
  }
  const [a, b] = [parseCidr4(inner), parseCidr4(outer)];
  return a.prefixLength >= b.prefixLength && contains4(b, a.base);
}
