import { expect, it } from 'vitest';
import type { ServerState } from '../../../src/server/services/cluster-facts.js';
import { healthRoutes } from '../../../src/server/http/health-routes.js';
import { ask, startHttpsListener } from '../../support/https.js';
import { startTestServer } from '../../support/server.js';

it.each([
  ['starting', 503],
  ['running', 200],
  ['degraded', 503],
  ['draining', 503],
] as const)('health of a server that is %s is %i, and its line is for debugging only', async (state: ServerState, status) => {
  const { target, lines } = await startHttpsListener({ routes: healthRoutes(() => state) });

  const answer = await ask(target, { path: '/healthz' });

  expect(answer).toMatchObject({ status, text: JSON.stringify({ status: state }) });
  expect(lines).toMatchObject([{ level: 'debug', fields: { path: '/healthz', status } }]);
});

it('of a real server is asked under its own certificate, over the port that nodes are told', async () => {
  const server = await startTestServer();
  const member = await server.join(await server.token());

  const answer = await ask({ port: server.ports.https, ca: member.caPem }, { path: '/healthz', version: 1 });

  expect(answer).toMatchObject({ status: 200, text: '{"status":"running"}' });
  expect(member.network?.controller?.httpsEndpoints).toEqual([`127.0.0.1:${server.ports.https}`]);
});
