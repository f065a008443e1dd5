import type { Server } from '../gen/networkcontroller/v1/node.js';

/**
 * The control endpoints of the servers, those first that a node should try first: of its own data centre, then the others, and those
 * that are about to stop at the end. Among equals chance decides, less often for one that has many nodes, so that the nodes of a server that
 * is lost do not all arrive at one other.
 *
 * @param dataCentre The node's own, empty for none.
 * @param random 0 to 1.
 */
export function serverOrder(servers: readonly Server[], dataCentre: string, random: () => number): string[] {
  const placed = servers.map((server) => ({ server, group: groupOf(server, dataCentre), lot: -Math.log(1 - random()) * (1 + server.agents) }));
  const ordered = placed.toSorted((a, b) => a.group - b.group || a.lot - b.lot).map(({ server }) => server);
  return ordered.flatMap(({ control }) => control);
}

function groupOf({ draining, dataCentre }: Server, own: string): number {
  if (draining) return 2;
  return own === '' || dataCentre === own ? 0 : 1;
}
