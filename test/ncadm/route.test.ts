import { expect, it } from 'vitest';
import { ReportRequest } from '../../src/gen/networkcontroller/v1/node.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { ncadm, type Run } from './support.js';

const run = (server: TestServer, ...words: string[]): Promise<Run> => ncadm(['--socket', server.adminSocket, 'route', ...words]);

it.each([
  [['approve', 'gateway'], 'prefix'],
  [['approve', 'gateway', '192.168.7.1/24'], '192.168.7.0/24'],
  [['approve', 'gateway', '127.0.0.0/8'], 'loopback'],
  [['revoke', 'gateway', 'office'], 'office'],
])('ncadm route %j is wrong usage, and says what is wanted', async (words, said) => {
  const { exitCode, stdout, stderr } = await ncadm(['route', ...words]);

  expect([exitCode, stdout]).toEqual([2, '']);
  expect(stderr).toContain(said);
});

it('a route is listed, refused for another prefix, approved, seen to be in use, and revoked', async () => {
  const server = await startTestServer();
  const gateway = await server.join(await server.token({ nodeName: 'gateway' }));
  await callUnary(server.control(gateway), 'report', ReportRequest.fromPartial({ routes: ['192.168.7.0/24', '0.0.0.0/0'] }));
  const states = async () => (JSON.parse((await run(server, 'list', '-o', 'json')).stdout) as { prefix: string; state: string; node: string }[]).map(({ prefix, state, node }) => `${node} ${prefix} ${state}`);

  expect(await states()).toEqual(['gateway 0.0.0.0/0 waiting', 'gateway 192.168.7.0/24 waiting']);
  const refused = await run(server, 'approve', 'gateway', '10.9.0.0/16');
  expect(refused.exitCode).toBe(1);
  expect(refused.stderr).toContain('route_unknown: prefix: node gateway offers 0.0.0.0/0, 192.168.7.0/24, not 10.9.0.0/16');
  expect((await run(server, 'approve', 'gateway', '192.168.7.0/24')).stdout).toBe('The nodes of network default reach 192.168.7.0/24 through gateway now\n');
  expect((await run(server, 'approve', 'gateway', '0.0.0.0/0')).stdout).toContain('leave through it now');
  expect((await run(server, 'list')).stdout).toMatch(/^PREFIX +NODE +STATE +NETWORK\n0\.0\.0\.0\/0 +gateway +active +default\n192/);
  expect((await run(server, 'revoke', 'gateway', '0.0.0.0/0')).exitCode).toBe(0);
  expect(await states()).toEqual(['gateway 0.0.0.0/0 waiting', 'gateway 192.168.7.0/24 active']);
});
