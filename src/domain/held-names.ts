import { isWithin, labelsOf, parentOf, under, type DnsName } from './dns-name.js';
import { nameServer } from './zone-records.js';

/**
 * Whose records may come to stand at a name at any moment, so that no alias may: an alias stands alone.
 *
 * @param zone     The forward zone; every other name of ours is in a reverse zone.
 * @param networks Names of all networks.
 * @returns undefined for a name that only added records use.
 * @see RFC 1034 §3.6.2
 */
export function holderOf(name: DnsName, zone: DnsName, networks: Iterable<string>): string | undefined {
  const [first = ''] = labelsOf(name);
  if (first === '*') return undefined;
  if (!isWithin(name, zone)) return 'the names of addresses';
  if (name === nameServer(zone)) return 'the name server';
  if (isWithin(name, under('svc', zone))) return 'services';
  if (first.startsWith('_')) return undefined;
  for (const network of networks) if (parentOf(name) === under(network, zone)) return `the nodes of network ${network}`;
  return undefined;
}
