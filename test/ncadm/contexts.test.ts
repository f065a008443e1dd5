import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startTestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { ncadm, startController, type Run } from './support.js';

describe('a file of contexts is refused when it', () => {
  it.each([
    ['has a key that there is not, naming the nearest', 'contexts: [{ name: a, sever: "h:6440" }]', 'did you mean "server"?'],
    ['has a group that there is not, naming the nearest', 'context: []', 'did you mean "contexts"?'],
    ['names a context that it has not', 'current: b\ncontexts: [{ name: a, socket: /s }]', 'current: want one of a, got "b"'],
    ['has a name twice', 'contexts: [{ name: a, socket: /s }, { name: a, socket: /t }]', 'want each name once'],
    ['says neither where nor how', 'contexts: [{ name: a }]', 'want either socket or server'],
    ['says both', 'contexts: [{ name: a, socket: /s, server: "h:1", ca: c, certificate: c, key: k }]', 'want either socket or server'],
    ['has a server without a key', 'contexts: [{ name: a, server: "h:1", ca: c, certificate: c }]', 'got no key'],
    ['has a server without a port', 'contexts: [{ name: a, server: h, ca: c, certificate: c, key: k }]', 'contexts.0.server'],
    ['has one server without a port among several', 'contexts: [{ name: a, server: "h:1,h", ca: c, certificate: c, key: k }]', 'contexts.0.server'],
    ['is no YAML', 'contexts: [', 'ncadm.yml'],
  ])('%s', async (_what, text, sentence) => {
    const user = aUser();
    user.write(text);

    for (const words of [['status'], ['context', 'list'], ['context', 'use', 'local']]) {
      expect(await user.ncadm(...words)).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(sentence) });
    }
    expect(readFileSync(user.file, 'utf8')).toBe(text);
  });

  it.each([0o644, 0o620, 0o606])('may be opened by others, mode %o', async (mode) => {
    const user = aUser();
    user.write('contexts: [{ name: a, socket: /s }]');
    chmodSync(user.file, mode);

    expect(await user.ncadm('context', 'list')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining(`chmod 600 '${user.file}'`) });
  });
});

describe('ncadm context', () => {
  it.each([
    ['a name that is no label', ['add', 'Prod One', '--from', '.'], 2, 'lower-case DNS label'],
    ['nothing to remember', ['add', 'prod'], 1, 'want --from'],
    ['a folder without a context', ['add', 'prod', '--from', '/nowhere'], 2, '/nowhere/context.yml'],
    ['the name of this machine', ['add', 'local', '--socket', '/s'], 1, 'is there already'],
    ['a use of what is not there', ['use', 'prod'], 1, 'want one of local, got "prod"'],
    ['a removal of what is not there', ['remove', 'prod'], 1, 'want one of local'],
    ['the removal of this machine', ['remove', 'local'], 1, 'stays'],
  ])('refuses %s', async (_what, words, exitCode, sentence) => {
    expect(await aUser().ncadm('context', ...words)).toMatchObject({ exitCode, stdout: '', stderr: expect.stringContaining(sentence) });
  });

  it('refuses a name twice and keeps the first', async () => {
    const user = aUser();
    await user.ncadm('context', 'add', 'lab', '--socket', '/first.sock');

    const again = await user.ncadm('context', 'add', 'lab', '--socket', '/second.sock');

    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('remove it first') });
    expect((await user.list()).map(({ where }) => where)).toContain('/first.sock');
  });

  it('wants a home to remember anything in, and needs none to ask', async () => {
    const socket = await startController({ listAdmins: () => ({ admins: [] }) });

    expect(await ncadm(['context', 'add', 'lab', '--socket', socket])).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('HOME') });
    expect(await ncadm(['--socket', socket, 'admin', 'list'])).toMatchObject({ exitCode: 0 });
  });

  it('asks the first one added, the one in use, the one named, and this machine again', async () => {
    const user = aUser();
    for (const name of ['one', 'two']) await user.ncadm('context', 'add', name, '--socket', await aController(name));
    const asked = async (...words: string[]): Promise<string> => (await user.ncadm(...words, 'admin', 'list', '--no-headers')).stdout.split(' ')[0]!;

    const first = await asked();
    const named = await asked('--context', 'two');
    await user.ncadm('context', 'use', 'two');
    const used = await asked();
    await user.ncadm('context', 'remove', 'two');
    const afterwards = await user.list();
    const withSocket = await asked('--socket', await aController('other'));

    expect([first, named, used, withSocket]).toEqual(['one', 'two', 'two', 'other']);
    expect(afterwards.map(({ name, current }) => [name, current])).toEqual([['local', true], ['one', false]]);
    expect(statSync(user.file).mode & 0o777).toBe(0o600);
    expect(readFileSync(user.file, 'utf8')).toMatch(/^# The controllers that ncadm talks to/);
  });

  it('goes before the current one where NC_ADMIN_SOCKET names a socket, and not before --context', async () => {
    const user = aUser();
    await user.ncadm('context', 'add', 'one', '--socket', await aController('one'));
    const env = { ...user.env, NC_ADMIN_SOCKET: await aController('environment') };

    expect((await ncadm(['admin', 'list', '--no-headers'], { env })).stdout).toMatch(/^environment /);
    expect((await ncadm(['--context', 'one', 'admin', 'list', '--no-headers'], { env })).stdout).toMatch(/^one /);
  });
});

describe('an admin elsewhere', () => {
  it('adds the folder that was made for her and needs no other option', async () => {
    const server = await startTestServer();
    const user = aUser();
    const folder = join(server.dir, 'alice');
    const made = await ncadm(['--socket', server.adminSocket, 'admin', 'create', 'alice', '--out', folder]);

    const added = await user.ncadm('context', 'add', 'prod', '--from', folder);
    const looked = await user.ncadm('status', '-o', 'json');

    expect(made.stdout).toContain(`ncadm context add alice --from ${folder}`);
    expect(added.stdout).toBe(`Context prod is in ${user.file} and is the current one\n`);
    expect(JSON.parse(looked.stdout)).toMatchObject({ cluster: { id: server.clusterId } });
  });

  it('makes her key where it stays and sends the request alone', async () => {
    const server = await startTestServer();
    const user = aUser();
    const [hers, back] = [join(tmpDir(), 'alice'), join(tmpDir(), 'back')];

    const requested = await user.ncadm('admin', 'request', 'alice', '--out', hers);
    await ncadm(['--socket', server.adminSocket, 'admin', 'create', 'alice', '--csr', join(hers, 'request.pem'), '--out', back]);
    for (const name of ['ca.pem', 'cert.pem', 'context.yml']) writeFileSync(join(hers, name), readFileSync(join(back, name)));
    await user.ncadm('context', 'add', 'prod', '--from', hers);

    expect(requested.exitCode).toBe(0);
    expect(() => statSync(join(back, 'key.pem'))).toThrow('ENOENT');
    expect(statSync(join(hers, 'key.pem')).mode & 0o777).toBe(0o600);
    expect(await user.ncadm('token', 'create')).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/^ncj1_/) });
  });

  it.each([
    ['is not there', undefined],
    ['is none', 'hello'],
    ['is a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('is given no certificate for a request that %s', async (_what, text) => {
    const socket = await startController({});
    const file = join(tmpDir(), 'request.pem');
    if (text !== undefined) writeFileSync(file, text);

    expect(await ncadm(['--socket', socket, 'admin', 'create', 'alice', '--csr', file, '--out', tmpDir()])).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('csr_invalid') });
  });

  it('keeps the key that is there when she asks again', async () => {
    const user = aUser();
    const folder = join(tmpDir(), 'alice');
    await user.ncadm('admin', 'request', 'alice', '--out', folder);
    const before = readFileSync(join(folder, 'key.pem'), 'utf8');

    const again = await user.ncadm('admin', 'request', 'alice', '--out', folder);

    expect(again).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('key_file_unsafe') });
    expect(readFileSync(join(folder, 'key.pem'), 'utf8')).toBe(before);
  });
});

/** Somebody with a home of their own. */
function aUser() {
  const home = tmpDir();
  const env = { HOME: home };
  const file = join(home, '.config', 'network-controller', 'ncadm.yml');
  const asUser = (...words: string[]): Promise<Run> => ncadm(words, { env });
  return {
    env,
    file,
    ncadm: asUser,
    write(text: string): void {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text, { mode: 0o600 });
    },
    async list() {
      return JSON.parse((await asUser('context', 'list', '-o', 'json')).stdout) as { name: string; current: boolean; where: string }[];
    },
  };
}

/** A controller whose only admin says which it is. */
function aController(name: string): Promise<string> {
  return startController({ listAdmins: () => ({ admins: [{ name, role: 'admin', serial: 'AB', expiresAtMs: 0, revokedAtMs: 0 }] }) });
}
