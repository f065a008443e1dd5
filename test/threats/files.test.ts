import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { CreateAdminRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { openLog } from '../../src/platform/winston-log.js';
import { makeCsr } from '../../src/platform/x509/csr.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { ncClient } from '../support/nc-client.js';
import { report } from '../support/renewals.js';
import { startTestServer, type Member } from '../support/server.js';
import { aMembership } from '../support/membership.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

const SAVING_CHILD = fileURLToPath(new URL('./saving-child.ts', import.meta.url));

/** Every file below `dir`, one character an octet. */
const contentsOf = (dir: string): string => {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Buffer.concat(files.map((entry) => readFileSync(join(entry.parentPath, entry.name)))).toString('latin1');
};

/** The secret parts of what was issued, and every form in which the member's private keys could be written. */
function secretsOf(joinStrings: readonly string[], { nodeToken, keys }: Member): string[] {
  const scalars = [keys.grpc, keys.network].map(({ privateKey }) => Buffer.from(privateKey.export({ format: 'jwk' }).d!, 'base64url'));
  const written = [Buffer.from(keys.wireGuard.privateKey), ...scalars].flatMap((key) => (['latin1', 'base64', 'base64url', 'hex'] as const).map((form) => key.toString(form)));
  return [...[...joinStrings, nodeToken].map((text) => text.split('.')[1]!), 'PRIVATE KEY', ...written];
}

it('Stolen DB/backup', async () => {
  const server = await startTestServer();
  const [used, unused] = [await server.token(), await server.token()];
  const member = await server.join(used);
  await callUnary(server.admin, 'createAdmin', CreateAdminRequest.fromPartial({ name: 'alice', role: 'admin', csr: makeCsr(generateP256(), 'alice') }));
  const rotated = await callUnary(server.admin, 'rotateToken', { id: unused.slice(5, 21), graceMs: 60_000 });
  await server.stop();

  const stolen = contentsOf(join(server.dir, 'work', 'db'));

  expect(stolen.includes(unused.slice(5, 21))).toBe(true);
  for (const secret of secretsOf([used, unused, rotated.join], member)) expect(stolen.includes(secret)).toBe(false);
});

it('Secrets in logs / argv', async () => {
  const logDir = tmpDir();
  const log = openLog({ program: 'nc-server', dir: logDir, debug: true });
  const server = await startTestServer({ log });
  const text = await server.token();
  const member = await server.join(text);
  await expect(server.join(text)).rejects.toMatchObject({ code: 'token_spent' });
  await expect(callUnary(server.admin, 'getNode', { node: text, network: '' })).rejects.toThrow();
  await server.stop();
  await log.close();

  const written = contentsOf(logDir);
  const onTheCommandLine = await ncClient(['join', text]);

  expect(written.includes('token_spent')).toBe(true);
  for (const secret of secretsOf([text], member)) expect(written.includes(secret)).toBe(false);
  expect(onTheCommandLine).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('does not belong on the command line') });
  expect(onTheCommandLine.stderr).not.toContain(text.split('.')[1]);
});

it.runIf(process.getuid?.() === 0)('Local user reaches admin socket', async () => {
  const { adminSocket, dir } = await startTestServer();
  // So that the socket and its own folder are what turns the other user away.
  chmodSync(dir, 0o755);
  const script = `require('node:net').connect(${JSON.stringify(adminSocket)}).on('connect', () => console.log('in')).on('error', (e) => console.log(e.code))`;

  const { stdout } = spawnSync(process.execPath, ['-e', script], { uid: 65_534, gid: 65_534, cwd: '/', timeout: 30_000 });

  expect(String(stdout).trim()).toBe('EACCES');
});

it('Loose key permissions', async () => {
  const server = await startTestServer();
  await server.stop();
  const work = join(server.dir, 'work');
  const keys = readdirSync(work, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.key'));
  expect(keys.sort()).toEqual(['pki/grpc-ca.g1.key', 'pki/network-ca.g1.key', 'wireguard.key']);

  for (const name of keys) {
    chmodSync(join(work, name), 0o644);
    await expect(startTestServer({ dir: server.dir })).rejects.toMatchObject({ code: 'key_file_unsafe', message: expect.stringContaining('chmod 600') });
    chmodSync(join(work, name), 0o600);
  }
  await expect(startTestServer({ dir: server.dir })).resolves.toBeDefined();
});

it('Crash between key and certificate write', async () => {
  const path = join(tmpDir(), 'state');
  const state = StateFolder.open(path, silentLog);
  state.save(aMembership(1));

  for (let kill = 0; kill < 3; kill++) {
    const before = state.membership()!.facts.joinedAtMs;
    const child = spawn(process.execPath, ['--import', 'tsx', SAVING_CHILD, path, String(before)], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void child.kill('SIGKILL'));
    let saves = 0;
    child.stdout.on('data', (bytes: Buffer) => (saves += bytes.length));
    await until(() => saves > 5 + 7 * kill, 'the child to save');
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await gone;

    const left = state.membership()!;
    expect(left).toEqual(aMembership(left.facts.joinedAtMs));
    expect(left.facts.joinedAtMs).toBeGreaterThan(before + 5);
  }
});

it('Server restart storm', async () => {
  const AGENTS = 25;
  const server = await startTestServer();
  const text = await server.token({ maxUses: AGENTS + 1 });
  const members = [];
  for (let i = 0; i < AGENTS; i++) members.push(await server.join(text));
  const { bootstrap, control } = server.ports;
  await server.stop();

  const again = await startTestServer({ dir: server.dir, settings: [`bootstrapPort: ${bootstrap}`, `grpcPort: ${control}`] });
  const [newcomer] = await Promise.all([again.join(text), ...members.map((member) => report(again, member))]);

  expect(new Set([newcomer, ...members].map(({ bindIp }) => bindIp)).size).toBe(AGENTS + 1);
});
