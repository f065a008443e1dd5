import type { ServerState } from '../services/cluster-facts.js';
import type { HttpRoutes } from './http-app.js';

/** `GET /healthz` for whoever watches over this process: 200 while it serves, 503 before and after. Says nothing else, because anybody may ask. */
export function healthRoutes(state: () => ServerState): (routes: HttpRoutes) => void {
  return (routes) => {
    routes.get('/healthz', (c) => c.json({ status: state() }, state() === 'running' ? 200 : 503));
  };
}
