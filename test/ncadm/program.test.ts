import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WatchEventsResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { tmpDir } from '../support/tmp-dir.js';
import { DomainError } from '../../src/domain/errors.js';
import { ncadm, NOW, startController } from './support.js';

describe('ncadm', () => {
  it.each([
    ['a word that is no command', ['tokens'], 'unknown command'],
    ['a noun without a verb that it knows', ['token', 'make'], 'unknown command'],
    ['a missing argument', ['node', 'show'], "missing required argument 'node'"],
    ['a format that is none', ['-o', 'xml', 'status'], 'table, wide, json, yaml'],
    ['a remote controller without a certificate', ['--server', '127.0.0.1:1', 'status'], '--ca, --cert and --key'],
    ['a context beside a socket', ['--context', 'prod', '--socket', '/no/socket', 'status'], 'cannot be used with'],
    ['a certificate that is not there', ['--server', '127.0.0.1:1', '--ca', '/no/ca', '--cert', '/no/cert', '--key', '/no/key', 'status'], '/no/cert: cannot be read'],
  ])('refuses %s with exit code 2', async (_what, argv, sentence) => {
    const { exitCode, stdout, stderr } = await ncadm(argv);

    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(sentence);
  });

  it('ends with exit code 3 and the way out when nobody answers', async () => {
    const { exitCode, stderr } = await ncadm(['--socket', '/nowhere/admin.sock', 'status']);

    expect(exitCode).toBe(3);
    expect(stderr).toContain('ncadm: unavailable: nobody answers at /nowhere/admin.sock: connect ENOENT /nowhere/admin.sock');
    expect(stderr).toContain('Is nc-server running?');
  });

  it('tells programs about errors in JSON, on stderr', async () => {
    const { exitCode, stdout, stderr } = await ncadm(['--socket', '/nowhere/admin.sock', '-o', 'json', 'status']);

    expect([exitCode, stdout]).toEqual([3, '']);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'unavailable', message: 'nobody answers at /nowhere/admin.sock: connect ENOENT /nowhere/admin.sock' } });
  });

  it('takes the socket from the environment', async () => {
    const socket = await startController({
      getStatus: () => {
        throw new DomainError('draining', 'the controller is about to stop');
      },
    });

    const { exitCode, stderr } = await ncadm(['status'], { env: { NC_ADMIN_SOCKET: socket } });

    expect([exitCode, stderr]).toEqual([1, 'ncadm: draining: the controller is about to stop\n']);
  });

  it.each([[['--help']], [['token', '--help']], [['token', 'create', '--help']], [['help']]])('helps with %j', async (argv) => {
    const { exitCode, stdout, stderr } = await ncadm(argv);

    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: ncadm/);
  });

  it('shows every command in use', async () => {
    const commands = leaves((await ncadm(['completion', 'bash'])).stdout);

    const helps = await Promise.all(commands.map((path) => ncadm([...path.split(' '), '--help'])));

    expect(commands.length).toBeGreaterThan(15);
    expect(helps.map(({ stdout }) => stdout).filter((help) => !help.includes('Examples:\n  $ ') && !help.includes('source <('))).toEqual([]);
  });

  it('shows its help on stderr when it is told nothing', async () => {
    const { exitCode, stdout, stderr } = await ncadm([]);

    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^Usage: ncadm/);
  });

  it('tells its version', async () => {
    const { stdout } = await ncadm(['version', '-o', 'json']);

    expect(JSON.parse(stdout)).toMatchObject({ version: '0.1.0' });
  });
});

describe('ncadm events', () => {
  it('prints what changed, a line each', async () => {
    const socket = await startController({ watchEvents: ({ fromRevision }) => [anEvent(fromRevision), anEvent(fromRevision + 1n)] });

    const people = await ncadm(['--socket', socket, 'events', '--from', '41']);
    const programs = await ncadm(['--socket', socket, 'events', '--from', '41', '-o', 'json']);

    expect(people.stdout.split('\n')[0]).toBe('2026-05-12 18:41:11 UTC      41  put     node         n-1  default');
    expect(programs.stdout.trimEnd().split('\n').map((line) => (JSON.parse(line) as { revision: string }).revision)).toEqual(['41', '42']);
  });

  it('does not follow the audit log', async () => {
    expect(await ncadm(['events', '--audit', '--follow'])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('cannot be used with') });
  });

  it('refuses a revision that is none', async () => {
    expect((await ncadm(['events', '--from', '-1'])).exitCode).toBe(2);
  });
});

describe('ncadm completion', () => {
  it('refuses a shell that it does not know', async () => {
    const { exitCode, stderr } = await ncadm(['completion', 'powershell']);

    expect(exitCode).toBe(2);
    expect(stderr).toContain('bash, zsh, fish');
  });

  it.each([
    ['', ['status', 'token', 'node', 'service']],
    ['token', ['create', 'list', 'show', 'revoke']],
    ['token create', ['--expire', '--ip', '--output']],
    ['-o json token create', ['--expire']],
  ])('completes "ncadm %s" in bash', async (line, wanted) => {
    const file = join(tmpDir(), 'completion.bash');
    writeFileSync(file, (await ncadm(['completion', 'bash'])).stdout);
    const words = ['ncadm', ...line.split(' ').filter(Boolean), ''];
    const ask = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ncadm; printf '%s\\n' "\${COMPREPLY[@]}"`;

    const replies = execFileSync('bash', ['-c', ask, 'bash', file, ...words]).toString().split('\n');

    expect(replies).toEqual(expect.arrayContaining(wanted));
  });

  it.each(['zsh', 'fish'])('knows every command in %s', async (shell) => {
    const { stdout } = await ncadm(['completion', shell]);

    for (const word of ['unregister', 'inspect', 'events']) expect(stdout).toContain(word);
  });
});

function anEvent(revision: bigint): WatchEventsResponse {
  return WatchEventsResponse.create({ revision, atMs: NOW, operation: 'put', kind: 'node', object: 'n-1', network: 'default' });
}

/** The paths of commands without commands of their own, from the bash script's cases. */
function leaves(script: string): string[] {
  const paths = [...script.matchAll(/^ {4}"([^"]+)"\)/gm)].map(([, path]) => path as string);
  return paths.filter((path) => !paths.some((other) => other.startsWith(`${path} `)));
}
