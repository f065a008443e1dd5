import type { ServerState } from '../services/cluster-facts.js';
import * as v from 'valibot';
import type { Operation } from './api.js';
import type { HttpRoutes } from './http-app.js';

const STATES = ['starting', 'running', 'draining', 'degraded'] as const;

/** How {@link healthRoutes} is described. */
export const HEALTH: Operation = {
  id: 'health',
  method: 'GET',
  path: '/healthz',
  summary: 'Whether this process serves: 200 while it does, else 503.',
  answer: { status: 200, description: 'It serves.', schema: v.strictObject({ status: v.picklist(STATES) }) },
  refusals: [],
};

/** `GET /healthz` for whoever watches over this process: 200 while it serves, 503 before and after. Says nothing else, because anybody may ask. */
export function healthRoutes(state: () => ServerState): (routes: HttpRoutes) => void {
  return (routes) => {
    routes.get('/healthz', (c) => c.json({ status: state() }, state() === 'running' ? 200 : 503));
  };
}
