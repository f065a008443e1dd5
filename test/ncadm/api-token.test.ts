import { expect, it } from 'vitest';
import { ask } from '../support/https.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { ncadm, type Run } from './support.js';

const run = (server: TestServer, ...words: string[]): Promise<Run> => ncadm(['--socket', server.adminSocket, ...words]);

it.each([
  [['create'], 'scope'],
  [['create', '--scope', 'nodes:write'], 'services:read, services:write, status:read'],
  [['create', '--scope', 'status:read', '--expire', 'never'], 'expire'],
])('an API token is not asked for with %j', async (words, said) => {
  const { exitCode, stdout, stderr } = await ncadm(['api-token', ...words]);

  expect([exitCode, stdout]).toEqual([2, '']);
  expect(stderr).toContain(said);
});

it('an API token is made, opens what it says and no more, is listed without its secret, and is shut by revoking it', async () => {
  const server = await startTestServer();
  const { caPem } = await server.join(await server.token());
  const target = { port: server.ports.https, ca: caPem };

  const made = await run(server, 'api-token', 'create', '--scope', 'status:read', '--label', 'dashboard');
  const text = made.stdout.trim();
  const as = (path: string) => ask(target, { path, headers: { authorization: `Bearer ${text}` } });

  expect(text).toMatch(/^nca1_[0-9a-f]{16}\.[\w-]{22}$/);
  expect(made.stderr).not.toContain(text);
  expect([(await as('/v1/status')).status, (await as('/v1/services')).status]).toEqual([200, 403]);
  const listed = await run(server, 'api-token', 'list', '-o', 'json');
  const [{ id }] = JSON.parse(listed.stdout) as [{ id: string }];
  expect(text).toContain(`nca1_${id}.`);
  expect(listed.stdout).not.toContain(text.slice(-22));
  expect((await run(server, 'api-token', 'revoke', id, '--yes')).exitCode).toBe(0);
  expect((await as('/v1/status')).json()).toMatchObject({ status: 401, code: 'token_revoked' });
  expect((await run(server, 'api-token', 'list')).stdout).toContain('revoked');
});
