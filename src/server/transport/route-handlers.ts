import type { AdminServiceService, Route } from '../../gen/networkcontroller/v1/admin.js';
import type { NodeRoute, Routes } from '../services/routes.js';
import type { HandlersOf } from './handler.js';

type Methods = 'listRoutes' | 'approveRoute' | 'revokeRoute';

const DEFAULT_NETWORK = 'default';

/** The part of `AdminService` that is about networks behind nodes. */
export function routeHandlers({ routes }: { readonly routes: Routes }): Pick<HandlersOf<typeof AdminServiceService>, Methods> {
  return {
    listRoutes: async ({ network }) => ({ routes: routes.list(network).map(messageOf) }),
    approveRoute: async ({ node, network, prefix }, caller) => {
      const { result, rev } = await routes.approve(node, network || DEFAULT_NETWORK, prefix, caller);
      return { route: messageOf(result), revision: rev };
    },
    revokeRoute: async ({ node, network, prefix }, caller) => {
      const { result, rev } = await routes.revoke(node, network || DEFAULT_NETWORK, prefix, caller);
      return { route: messageOf(result), revision: rev };
    },
  };
}

function messageOf({ node, prefix, advertised, approved }: NodeRoute): Route {
  return { nodeId: node.id, nodeName: node.name, network: node.network, prefix, advertised, approved };
}
