import { expect, it } from 'vitest';
import { enrolRelay } from '../../src/server/relay/enrol.js';
import { systemClock } from '../../src/platform/clock.js';
import { join } from 'node:path';
import { enrolled, runRelay } from '../support/relays.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';
import { ncadm, type Run } from './support.js';

const run = (server: TestServer, ...words: string[]): Promise<Run> => ncadm(['--socket', server.adminSocket, ...words]);
const listed = async (server: TestServer): Promise<Record<string, unknown>[]> => JSON.parse((await run(server, 'relay', 'list', '-o', 'json')).stdout) as Record<string, unknown>[];

it.each([
  [['create', 'paris'], '--endpoint'],
  [['create', 'paris', '--endpoint', '192.0.2.7:6441', '--expire', 'soon'], 'expire'],
  [['create', '--endpoint', '192.0.2.7:6441'], 'name'],
  [['revoke'], 'name'],
])('a relay is not asked for with %j', async (words, said) => {
  const { exitCode, stdout, stderr } = await ncadm(['relay', ...words]);

  expect([exitCode, stdout]).toEqual([2, '']);
  expect(stderr).toContain(said);
});

it.each([
  [['create', 'Paris 1', '--endpoint', '192.0.2.7:6441'], 'invalid_argument'],
  [['create', 'paris', '--endpoint', 'relay.example:6441'], 'invalid_argument'],
  [['revoke', 'nowhere', '--yes'], 'relay_unknown'],
])('the server refuses %j, and nothing has changed', async (words, code) => {
  const server = await startTestServer();

  const { exitCode, stderr } = await run(server, 'relay', ...words);

  expect(exitCode).toBe(1);
  expect(stderr).toContain(code);
  expect(await listed(server)).toEqual([]);
});

it('prints the join string alone, so that it pipes, and shows it nowhere again', async () => {
  const server = await startTestServer();

  const made = await run(server, 'relay', 'create', 'paris', '--endpoint', '192.0.2.7:6441');
  const text = made.stdout.trim();

  expect(text).toMatch(/^ncj1_[0-9a-f]{16}\.[\w-]{22}\.\S+@\S+$/);
  expect(made.stderr).not.toContain(text);
  expect(made.stderr).toContain('nc-server --role relay');
  expect((await run(server, 'relay', 'list', '-o', 'json')).stdout).not.toContain(text.slice(22, 44));
  expect(await listed(server)).toMatchObject([{ name: 'paris', state: 'invited', endpoints: ['192.0.2.7:6441'] }]);
  expect(await enrolRelay(join(tmpDir(), 'relay'), text, { clock: systemClock })).toBe('paris');
});

it('shows a relay that runs as connected, and takes it away for good', async () => {
  const server = await startTestServer();
  await runRelay(await enrolled(server, 'paris'));
  await until(async () => (await listed(server))[0]?.['state'] === 'connected', 'the relay to be connected');

  const table = await run(server, 'relay', 'list');
  expect(table.stdout).toMatch(/^NAME +STATE +LAST SEEN +ENDPOINTS/);
  expect(table.stdout).toMatch(/^paris +connected .* 192\.0\.2\.7:6441/m);
  expect(await run(server, 'relay', 'revoke', 'paris', '--yes')).toMatchObject({ exitCode: 0, stdout: 'relay paris revoked\n' });

  expect(await listed(server)).toEqual([]);
  expect((await run(server, 'relay', 'revoke', 'paris', '--yes')).stderr).toContain('relay_unknown');
});
