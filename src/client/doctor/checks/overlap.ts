import { EXIT_ROUTE } from '../../../domain/route.js';
import { findOverlap } from '../../../platform/wireguard/overlap.js';
import { fail, ok, warn, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** Whether the overlay's addresses, or networks behind other nodes, collide with a network that this machine has already. */
export async function checkOverlap({ map, config, machine }: Patient): Promise<Finding[]> {
  const network = map?.network;
  if (network === undefined || config.device === 'recorded') return [];
  const routes = await machine.readOtherRoutes(config.interfaceName);
  const prefixes = [network.cidr, network.cidr6].filter((prefix) => prefix !== '');
  const spared = (map?.peers ?? []).flatMap((peer) => peer.routes.filter((route) => route !== EXIT_ROUTE).map((route) => ({ peer, route, own: findOverlap(route, routes) })));
  const around = prefixes.map((prefix) => {
    const other = findOverlap(prefix, routes);
    if (other === undefined) return ok('overlap', `nothing else on this machine uses ${prefix}`);
    return fail('overlap', `the overlay ${prefix} collides with the route to ${other.destination} on ${other.device || 'no device'}`, 'take that network away, or let an admin give the overlay another prefix (networkAddr in server.yml)');
  });
  const unused = spared.flatMap(({ peer, route, own }) =>
    own === undefined ? [] : [warn('overlap', `${route} is not reached through ${peer.name}: this machine has ${own.destination} on ${own.device || 'no device'} itself`, 'nothing, if that is the same network; otherwise give one of the two another prefix')],
  );
  return [...around, ...unused];
}
