import { findOverlap } from '../../../platform/wireguard/overlap.js';
import { fail, ok, type Finding } from '../finding.js';
import type { Patient } from '../patient.js';

/** Whether the overlay's addresses collide with a network that this machine has already. */
export async function checkOverlap({ map, config, machine }: Patient): Promise<Finding[]> {
  const network = map?.network;
  if (network === undefined || config.device === 'recorded') return [];
  const routes = await machine.readOtherRoutes(config.interfaceName);
  const prefixes = [network.cidr, network.cidr6].filter((prefix) => prefix !== '');
  return prefixes.map((prefix) => {
    const other = findOverlap(prefix, routes);
    if (other === undefined) return ok('overlap', `nothing else on this machine uses ${prefix}`);
    return fail('overlap', `the overlay ${prefix} collides with the route to ${other.destination} on ${other.device || 'no device'}`, 'take that network away, or let an admin give the overlay another prefix (networkAddr in server.yml)');
  });
}
