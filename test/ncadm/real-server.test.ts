import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { ncadm, type Run } from './support.js';

describe('ncadm with a real controller', () => {
  it.each([
    ['an unknown node', ['node', 'show', 'nobody'], 'node_unknown'],
    ['an unknown token', ['token', 'show', '0123456789abcdef'], 'token_unknown'],
    ['an unknown service', ['service', 'remove', 'nothing'], 'service_unknown'],
    ['the end of the controller itself', ['node', 'unregister', 'controller'], 'node_reserved'],
    ['the end of the reserved node', ['node', 'unregister', 'reserverd'], 'node_reserved'],
    ['the revocation of the reserved node', ['node', 'revoke', 'reserverd'], 'node_reserved'],
    ['a network that is not there', ['token', 'create', '--network', 'nowhere'], 'network_unknown'],
    ['an address outside the network', ['token', 'create', '--ip', '192.0.2.1'], 'invalid_argument'],
  ])('tells the refusal of %s', async (_what, words, code) => {
    const server = await startTestServer();

    const { exitCode, stdout, stderr } = await ask(server, ...words, '-o', 'json');

    expect([exitCode, stdout]).toEqual([1, '']);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code } });
  });

  it('follows a token from its making to its revocation', async () => {
    const server = await startTestServer();

    const made = json<{ id: string; join: string; uses: number }>(await ask(server, 'token', 'create', '--uses', '3', '--label', 'rack', '-o', 'json'));
    const inspected = json(await ncadm(['token', 'inspect', '-o', 'json'], { stdin: made.join }));
    const revoked = await ask(server, 'token', 'revoke', made.id);
    const shown = json(await ask(server, 'token', 'show', made.id, '-o', 'json'));
    const usable = json(await ask(server, 'token', 'list', '-o', 'json'));

    expect(made).toEqual({ id: expect.stringMatching(/^[0-9a-f]{16}$/), join: expect.stringMatching(/^ncj1_/), expiresAt: expect.stringMatching(/Z$/), uses: 3 });
    expect(inspected).toMatchObject({ id: made.id, endpoints: [`127.0.0.1:${server.ports.bootstrap}`] });
    expect(revoked.exitCode).toBe(0);
    expect(shown).toMatchObject({ id: made.id, label: 'rack', state: 'revoked', used: 0 });
    expect(usable).toEqual([]);
  });

  it('gives a token another secret, and the old one no grace', async () => {
    const server = await startTestServer();
    const old = json<{ id: string; join: string }>(await ask(server, 'token', 'create', '-o', 'json'));

    const rotated = await ask(server, 'token', 'rotate', old.id);
    const refused = await server.join(old.join).catch((error: unknown) => error);
    const member = await server.join(rotated.stdout.trim(), { nodeName: 'web-1' });

    expect(rotated.stdout).toMatch(new RegExp(`^ncj1_${old.id}\\.\\S+\\n$`));
    expect(refused).toMatchObject({ code: 'token_invalid' });
    expect(member.nodeName).toBe('web-1');
  });

  it('makes an admin who works from elsewhere until revoked, and a viewer who only looks', async () => {
    const server = await startTestServer();
    const dir = tmpDir();
    const made = ['alice', 'bob'].map((name) => ['admin', 'create', name, '--role', name === 'bob' ? 'viewer' : 'admin', '--out', join(dir, name), '-o', 'json']);
    const [alice, bob] = [json<Made>(await ask(server, ...made[0]!)), json<Made>(await ask(server, ...made[1]!))];
    const as = ({ use }: Made, ...words: string[]): Promise<Run> => ncadm([...use.split(' ').slice(1, -1), ...words]);

    const created = await as(alice, 'token', 'create');
    const looked = await as(bob, 'status');
    const refused = await as(bob, 'token', 'create');
    const overwritten = await ask(server, ...made[0]!);
    await ask(server, 'admin', 'revoke', 'alice');
    const late = await as(alice, 'status');
    const listed = json(await ask(server, 'admin', 'list', '-o', 'json'));
    const audited = json<{ actor: string; method: string }[]>(await ask(server, 'events', '--audit', '--actor', 'admin:alice', '-o', 'json'));

    expect(statSync(alice.files.key).mode & 0o777).toBe(0o600);
    expect([created.exitCode, looked.exitCode]).toEqual([0, 0]);
    expect(refused.stderr).toContain('ncadm: permission_denied: ');
    expect(overwritten).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('key_file_unsafe') });
    expect(late.exitCode).not.toBe(0);
    expect(listed).toEqual(expect.arrayContaining([expect.objectContaining({ name: 'alice', role: 'admin', revokedAt: expect.any(String) }), expect.objectContaining({ name: 'bob', role: 'viewer', revokedAt: null })]));
    expect(audited).toEqual(expect.arrayContaining([expect.objectContaining({ method: 'CreateToken', result: 'ok' })]));
  });

  it('follows a node from its join to its end', async () => {
    const server = await startTestServer();
    await server.join(await server.token(), { nodeName: 'web-1' });

    const renamed = await ask(server, 'node', 'rename', 'web-1', 'shop');
    const { nodes, networks } = json<Status>(await ask(server, 'status', '-o', 'json'));
    const unregistered = await ask(server, 'node', 'unregister', 'shop');
    const after = json<Status>(await ask(server, 'status', '-o', 'json'));

    expect([renamed.stdout, unregistered.exitCode]).toEqual(['Node web-1 is now shop (10.66.0.2)\n', 0]);
    expect(nodes.find(({ name }) => name === 'shop')).toMatchObject({ network: 'default', bindIp: '10.66.0.2', state: 'idle', path: 'none' });
    expect(networks).toMatchObject([{ name: 'default', cidr: '10.66.0.0/24', addresses: { used: expect.any(Number) } }]);
    expect(after.nodes.map(({ name }) => name)).not.toContain('shop');
    expect(after.networks[0]?.addresses.used).toBe((networks[0]?.addresses.used ?? 0) - 1);
  });

  it('refuses the certificates of a node for good when it is revoked', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token(), { nodeName: 'web-1' });

    const { exitCode } = await ask(server, 'node', 'revoke', member.nodeId, '--reason', 'disk stolen');
    const gone = await ask(server, 'node', 'show', member.nodeId);

    expect([exitCode, gone.exitCode]).toEqual([0, 1]);
  });

  it('adds a service, shows it and removes it by name', async () => {
    const server = await startTestServer();
    await server.join(await server.token(), { nodeName: 'web-1' });

    const added = await ask(server, 'service', 'add', 'registry', '--node', 'web-1', '--port', '5000');
    const shown = json(await ask(server, 'service', 'show', 'registry', '-o', 'json'));
    const removed = await ask(server, 'service', 'remove', 'registry');
    const left = json(await ask(server, 'service', 'list', '-o', 'json'));

    expect([added.exitCode, removed.exitCode]).toEqual([0, 0]);
    expect(shown).toMatchObject([{ name: 'registry', port: 5000, protocol: 'tcp', network: 'default' }]);
    expect(left).toEqual([]);
  });

  it('shows what has happened, in order', async () => {
    const server = await startTestServer();
    await server.join(await server.token(), { nodeName: 'web-1' });

    const { stdout } = await ask(server, 'events', '-o', 'json');

    const events = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as { revision: string; kind: string });
    expect(events.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['token', 'node']));
    expect(events.map(({ revision }) => Number(revision))).toEqual(events.map(({ revision }) => Number(revision)).toSorted((a, b) => a - b));
  });

  it('finds both listeners healthy, and nobody after the end', async () => {
    const server = await startTestServer();

    const healthy = await ask(server, 'health');
    await server.stop();
    const gone = await ask(server, 'health');

    expect([healthy.exitCode, healthy.stderr]).toEqual([0, '']);
    expect(gone.exitCode).toBe(3);
  });
});

interface Made {
  readonly use: string;
  readonly files: { readonly key: string };
}

interface Status {
  readonly nodes: readonly { readonly name: string }[];
  readonly networks: readonly { readonly addresses: { readonly used: number } }[];
}

function ask(server: TestServer, ...words: readonly string[]): Promise<Run> {
  return ncadm(['--socket', server.adminSocket, ...words]);
}

function json<T = unknown>({ stdout, stderr }: Run): T {
  expect(stderr).toBe('');
  return JSON.parse(stdout) as T;
}
