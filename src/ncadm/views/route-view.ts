import { EXIT_ROUTE } from '../../domain/route.js';
import type { Route } from '../../gen/networkcontroller/v1/admin.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

/** What a route is: in use, waiting for an admin, or approved while its node does not offer it. */
function routeState({ advertised, approved }: Route): 'active' | 'waiting' | 'withdrawn' {
  if (!approved) return 'waiting';
  return advertised ? 'active' : 'withdrawn';
}

/** All of a route, for programs. */
export function routeJson(route: Route) {
  const { nodeId, nodeName, network, prefix, advertised, approved } = route;
  return { prefix, node: nodeName, nodeId, network, state: routeState(route), advertised, approved, exit: prefix === EXIT_ROUTE };
}

/** The columns of a list of routes: one line each. */
export function routeColumns(colors: Colors): Column<Route>[] {
  return [
    { title: 'PREFIX', cell: ({ prefix }) => colors.bold(prefix) },
    { title: 'NODE', cell: ({ nodeName }) => nodeName, yields: 1 },
    { title: 'STATE', cell: (route) => stateText(colors, route) },
    { title: 'NETWORK', cell: ({ network }) => network, yields: 2 },
    { title: 'NODE ID', cell: ({ nodeId }) => nodeId, wide: true },
  ];
}

function stateText(colors: Colors, route: Route): string {
  const state = routeState(route);
  return { active: colors.green, waiting: colors.yellow, withdrawn: colors.dim }[state](state);
}
