import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminServiceClient } from '../../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../../../src/platform/rpc-client.js';
import { adminService, startUnixTestListener } from '../../support/rpc-listener.js';
import { tmpDir } from '../../support/tmp-dir.js';

const services = [adminService({ getToken: () => Promise.resolve({ token: undefined }) })];

function privateDir(): string {
  const dir = join(tmpDir(), 'run');
  mkdirSync(dir, { mode: 0o700 });
  return dir;
}

async function answers(socketPath: string): Promise<boolean> {
  const client = connect(AdminServiceClient, { socketPath });
  onTestFinished(() => client.close());
  await callUnary(client, 'getToken', { id: 'x' });
  return true;
}

/** Leaves a socket file behind as a process that was killed does. */
function abandonSocket(path: string): void {
  const script = `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script]);
}

describe('the admin socket', () => {
  it('can be opened by nobody but its user', async () => {
    const { socketPath } = await startUnixTestListener(services);

    expect(statSync(socketPath).mode & 0o777).toBe(0o600);
    expect(statSync(join(socketPath, '..')).mode & 0o777).toBe(0o700);
  });

  it.runIf(process.getuid?.() === 0)('turns another user away even when its folder is open', async () => {
    const { socketPath } = await startUnixTestListener(services);
    chmodSync(join(socketPath, '..'), 0o755);
    chmodSync(join(socketPath, '..', '..'), 0o755);
    const script = `require('node:net').connect(${JSON.stringify(socketPath)}).on('connect', () => console.log('in')).on('error', (e) => console.log(e.code))`;

    const { stdout } = spawnSync(process.execPath, ['-e', script], { uid: 65_534, gid: 65_534, cwd: '/', timeout: 20_000 });

    expect(String(stdout).trim()).toBe('EACCES');
  });

  it('leaves the mask of the process as it was', async () => {
    const before = process.umask();

    await startUnixTestListener(services);

    expect(process.umask()).toBe(before);
  });

  it('takes the place of one whose server died', async () => {
    const path = join(privateDir(), 'admin.sock');
    abandonSocket(path);
    expect(statSync(path).isSocket()).toBe(true);

    await startUnixTestListener(services, path);

    await expect(answers(path)).resolves.toBe(true);
  });

  it('leaves one alone on which somebody answers', async () => {
    const path = join(privateDir(), 'admin.sock');
    const occupant = createServer().listen(path);
    onTestFinished(() => void occupant.close());

    await expect(startUnixTestListener(services, path)).rejects.toMatchObject({ code: 'port_taken', message: expect.stringContaining(path) });
    expect(existsSync(path)).toBe(true);
  });

  it('leaves a file alone that is no socket', async () => {
    const path = join(privateDir(), 'admin.sock');
    writeFileSync(path, 'precious');

    await expect(startUnixTestListener(services, path)).rejects.toMatchObject({ code: 'config_invalid' });
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  it('is not made in a folder that others may write to', async () => {
    const dir = privateDir();
    chmodSync(dir, 0o777);

    await expect(startUnixTestListener(services, join(dir, 'admin.sock'))).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('mode 777') });
    expect(existsSync(join(dir, 'admin.sock'))).toBe(false);
  });

  it('says so when its folder cannot be made', async () => {
    const file = join(tmpDir(), 'file');
    writeFileSync(file, '');

    await expect(startUnixTestListener(services, join(file, 'run', 'admin.sock'))).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('is gone when the server stops', async () => {
    const { server, socketPath } = await startUnixTestListener(services);

    await server.stop();

    expect(existsSync(socketPath)).toBe(false);
  });
});
