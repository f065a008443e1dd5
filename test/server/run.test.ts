import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AdminServiceClient, CreateTokenRequest, GetStatusRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { run } from '../../src/server/run.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

/** A folder with a server.yml for loopback with free ports, and more lines when given. */
function configured(lines: readonly string[] = []): { dir: string; config: string } {
  const dir = tmpDir();
  const config = join(dir, 'server.yml');
  const all = ['ip: 127.0.0.1', 'bindAddress: 127.0.0.1', 'port: 0', 'grpcPort: 0', 'bootstrapPort: 0', 'httpsPort: 0', 'workDir: work', 'adminSocket: run/admin.sock', 'logDir: logs', 'metrics: { listen: "" }', ...lines];
  const last = new Map(all.map((line) => [line.split(':')[0], line]));
  writeFileSync(config, `server:\n${[...last.values()].map((line) => `  ${line}\n`).join('')}`);
  return { dir, config };
}

/** Runs `nc-server` in this process with what it writes caught. */
async function nc(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const [out, err] = [[], []] as [string[], string[]];
  const sink = (chunks: string[]) => ({ write: (text: string) => chunks.push(text) > 0, isTTY: false, columns: 80 });
  const code = await run(argv, { stdout: sink(out), stderr: sink(err) } as never);
  return { code, out: out.join(''), err: err.join('') };
}

/** `nc-server` as a process; its log is where `configured` says. */
function spawned(dir: string, config: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/server/main.ts', '--config', config], { stdio: ['ignore', 'ignore', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => (stderr += String(bytes)));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
  // The link to the newest file is made anew when the process starts: for a moment there may be none.
  const log = (): string => {
    try {
      return readFileSync(join(dir, 'logs', 'nc-server-log.log'), 'utf8');
    } catch {
      return '';
    }
  };
  return { child, ended, log, stderr: () => stderr };
}

async function serving({ child, log, stderr }: { child: ChildProcess; log: () => string; stderr: () => string }): Promise<void> {
  await until(() => {
    if (child.exitCode !== null) throw new Error(`nc-server ended: ${stderr()}`);
    return log().includes('"message":"serving"');
  }, 'nc-server to serve');
}

describe('nc-server', () => {
  it.each([
    [['frobnicate'], 'too many arguments'],
    [['--frobnicate'], "unknown option '--frobnicate'"],
    [['--config'], 'argument missing'],
  ])('ends with 2 for a command line that makes no sense: %j', async (argv, message) => {
    expect(await nc(...argv)).toMatchObject({ code: 2, err: expect.stringContaining(message) });
  });

  it('prints help and version and ends with 0', async () => {
    expect(await nc('--help')).toMatchObject({ code: 0, out: expect.stringContaining('config check') });
    expect(await nc('version')).toMatchObject({ code: 0, out: expect.stringMatching(/^nc-server \d+\.\d+\.\d+\n$/) });
  });

  it('checks a configuration and touches nothing', async () => {
    const { dir, config } = configured();

    expect(await nc('--config', config, 'config', 'check')).toEqual({ code: 0, out: `${config}: ok\n`, err: '' });
    expect(existsSync(join(dir, 'work'))).toBe(false);
    expect(existsSync(join(dir, 'logs'))).toBe(false);
  });

  it.each(['config check', 'init', ''])('says what is wrong with a configuration and touches nothing: "%s"', async (words) => {
    const { dir, config } = configured(['grpcPort: 70000']);

    const { code, err } = await nc('--config', config, ...words.split(' ').filter(Boolean));

    expect(code).toBe(2);
    expect(err).toBe(`nc-server: config_invalid: ${config}:5: server.grpcPort: want a whole number from 0 to 65535, got 70000\n`);
    expect(existsSync(join(dir, 'work'))).toBe(false);
  });

  it('says so when there is no configuration', async () => {
    expect(await nc('--config', join(tmpDir(), 'none.yml'))).toMatchObject({ code: 2, err: expect.stringContaining('config_invalid') });
  });

  it('makes a cluster once', async () => {
    const { config } = configured();

    expect(await nc('--config', config, 'init')).toMatchObject({ code: 0, out: expect.stringMatching(/^cluster [0-9a-f]{16} made/) });
    expect(await nc('--config', config, 'init')).toMatchObject({ code: 1, out: '', err: expect.stringContaining('already_initialised') });
  });

  it('says which port is taken and by which key, and leaves nothing running', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void occupant.close());
    await until(() => occupant.listening);
    const { port } = occupant.address() as { port: number };
    const { dir, config } = configured([`bootstrapPort: ${port}`]);

    const server = spawned(dir, config);

    expect(await server.ended).toEqual({ code: 1, signal: null });
    expect(server.stderr()).toBe(`nc-server: port_taken: server.bootstrapPort: 127.0.0.1:${port} is in use by another program; stop it or choose another\n`);
    expect(existsSync(join(dir, 'run', 'admin.sock'))).toBe(false);
  });

  it('refuses a socket folder that others may write to before it serves anybody', async () => {
    const { dir, config } = configured();
    mkdirSync(join(dir, 'run'));
    chmodSync(join(dir, 'run'), 0o777);

    const server = spawned(dir, config);

    expect(await server.ended).toEqual({ code: 2, signal: null });
    expect(server.stderr()).toContain('server.adminSocket');
  });
});

describe('nc-server as a process', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('starts, serves and ends with 0 on %s, and is the same cluster again', async (signal) => {
    const { dir, config } = configured();
    const first = spawned(dir, config);
    await serving(first);
    const admin = connect(AdminServiceClient, { socketPath: join(dir, 'run', 'admin.sock') });
    onTestFinished(() => admin.close());
    const { cluster } = await callUnary(admin, 'getStatus', GetStatusRequest.fromPartial({ summaryOnly: true }));

    const { token } = await callUnary(admin, 'createToken', CreateTokenRequest.fromPartial({}));
    first.child.kill(signal);

    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(existsSync(join(dir, 'run', 'admin.sock'))).toBe(false);
    const messages = first.log().trimEnd().split('\n').map((line) => (JSON.parse(line) as { message: string }).message);
    expect(messages[0]).toBe('configuration read, starting');
    expect(messages).toContain('cluster made');
    expect(messages.at(-1)).toBe('stopped');
    expect(JSON.parse(readFileSync(join(dir, 'logs', 'nc-server-audit.log'), 'utf8'))).toMatchObject({ actor: 'local', method: 'CreateToken', object: `token/${token?.id}`, result: 'ok' });
    expect(await nc('--config', config, 'init')).toMatchObject({ code: 1, err: expect.stringContaining(cluster?.id ?? '?') });
  });

  it('heeds a signal that comes while it is still starting', async () => {
    const { dir, config } = configured();
    const server = spawned(dir, config);
    await until(() => server.log().includes('configuration read'));

    server.child.kill('SIGTERM');

    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(server.log()).toContain('"message":"stopped"');
  });

  it('comes up again after it was killed, over the socket that it left', async () => {
    const { dir, config } = configured();
    const first = spawned(dir, config);
    await serving(first);
    first.child.kill('SIGKILL');
    await first.ended;
    expect(existsSync(join(dir, 'run', 'admin.sock'))).toBe(true);
    writeFileSync(join(dir, 'logs', 'nc-server-log.log'), '');

    const second = spawned(dir, config);
    await serving(second);

    const admin = connect(AdminServiceClient, { socketPath: join(dir, 'run', 'admin.sock') });
    onTestFinished(() => admin.close());
    await expect(callUnary(admin, 'getStatus', GetStatusRequest.fromPartial({ summaryOnly: true }))).resolves.toMatchObject({ state: 'running' });
  });
});
