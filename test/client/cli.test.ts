import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startAgent } from '../../src/client/app.js';
import { readClientConfig } from '../../src/platform/config/client-config.js';
import { ListNodesRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { AddRecordRequest } from '../../src/gen/networkcontroller/v1/dns.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { RecordedDevice } from '../../src/platform/wireguard/recorded-device.js';
import { openController, startController, type Controller } from '../support/controller.js';
import { ncClient, writeConfig, type ClientRun } from '../support/nc-client.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

let controller: Controller;

beforeAll(async () => {
  controller = await openController();
});
afterAll(() => controller.stop());

describe('wrong usage ends with 2 and changes nothing:', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['jion']],
    ['an unknown option', ['status', '--wide']],
    ['an unknown format', ['-o', 'xml', 'status']],
    ['an unknown record type', ['resolve', 'web-1', 'NAPTR']],
    ['a count of nothing', ['ping', 'web-1', '--count', '0']],
    ['a configuration that is not there', ['-c', '/nowhere.yml', 'status']],
    ['an unknown key in the configuration', ['-c', '', 'status'], 'client: {intefaceName: nc1}'],
  ])('%s', async (_fault, argv, yaml?: string) => {
    const path = join(tmpDir(), 'client.yml');
    if (yaml !== undefined) writeFileSync(path, yaml);

    const { exitCode, stdout } = await ncClient(argv.map((word) => word || path));

    expect([exitCode, stdout]).toEqual([2, '']);
  });

  it('a join string on the command line, and it says why without repeating it', async () => {
    const text = await controller.joinString();

    const { exitCode, stderr } = await ncClient(['join', text]);

    expect(exitCode).toBe(2);
    expect(stderr).toContain('every user of this machine can read it');
    expect(stderr).not.toContain(text.slice(5, 21));
  });
});

describe('a machine that has not joined', () => {
  it.each([['status'], ['up'], ['down'], ['leave'], ['ping', 'web-1'], ['resolve', 'web-1']])('is told so by %s and gets no folder', async (...words) => {
    const stateDir = join(tmpDir(), 'state');

    const { exitCode, stderr } = await ncClient(['-c', writeConfig({ stateDir, device: 'recorded' }), ...words]);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('not_initialised');
    expect(stderr).toContain('ncadm token create');
    expect(existsSync(stateDir)).toBe(false);
  });
});

describe('nc-client join', () => {
  it('tells programs in JSON why it was refused and what to do', async () => {
    const text = await controller.joinString();
    await aNode(text);

    const { exitCode, stderr } = await ncClient(['-c', aConfig(), '-o', 'json', 'join', '--no-up'], { stdin: text });

    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr)).toEqual({ error: { code: 'token_spent', message: expect.any(String), hint: expect.stringContaining('ncadm token create') } });
  });

  it('ends with 3 when nobody answers', async () => {
    const { exitCode, stderr } = await ncClient(['-c', aConfig(), 'join', '--no-up'], { stdin: (await controller.joinString()).replace(/@.*/, '@127.0.0.1:1') });

    expect(exitCode).toBe(3);
    expect(stderr).toContain('trying again');
  });

  it('reads the file that NC_JOIN_FILE names and removes it once it has been used', async () => {
    const path = join(tmpDir(), 'join-string');
    writeFileSync(path, `${await controller.joinString()}\n`);

    const { exitCode, stdout } = await ncClient(['-c', aConfig(), '-o', 'json', 'join', '--no-up', '--name', 'from-file'], { env: { NC_JOIN_FILE: path } });

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ name: 'from-file', network: 'default', bindIp: expect.stringMatching(/^10\.66\.0\./) });
    expect(existsSync(path)).toBe(false);
  });

  it('takes the first line of what is piped in and leaves the rest alone', async () => {
    const text = await controller.joinString();

    const { exitCode } = await ncClient(['-c', aConfig(), 'join', '--no-up'], { stdin: `\n${text}\r\nanything else\n` });

    expect(exitCode).toBe(0);
  });

  it('keeps the file when it was refused, and when it is told to', async () => {
    const path = join(tmpDir(), 'join-string');
    writeFileSync(path, 'ncj1_nonsense');
    await ncClient(['-c', aConfig(), 'join', '--no-up', '--file', path]);
    expect(existsSync(path)).toBe(true);

    writeFileSync(path, await controller.joinString());
    const { exitCode } = await ncClient(['-c', aConfig(), 'join', '--no-up', '--file', path, '--keep']);

    expect([exitCode, existsSync(path)]).toEqual([0, true]);
  });

  it('does not join again under a running agent, not even with --replace', async () => {
    const node = await aRunningNode();

    const { exitCode, stderr } = await node.run(['join', '--replace', '--no-up'], await controller.joinString());

    expect(exitCode).toBe(1);
    expect(stderr).toContain('nc-client down');
  });
});

describe('a running agent', () => {
  it('is shown by status for people on a few lines, one for each peer', async () => {
    const [node, other] = [await aRunningNode('seen'), await aRunningNode('other')];
    await until(async () => (await node.run(['status'])).stdout.includes('other'));

    const { exitCode, stdout } = await node.run(['status']);

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^seen {2}10\.66\.0\.\d+ {2}network default, nc0 \(recorded\)\ncontrol ● connected /);
    expect(stdout.split('\n').filter((line) => line.startsWith('other'))).toHaveLength(1);
    await other.stop();
  });

  it('is shown by status for programs in whole', async () => {
    const node = await aRunningNode('json');

    const { stdout } = await node.run(['status', '-o', 'json']);

    expect(JSON.parse(stdout)).toMatchObject({
      node: { name: 'json', network: 'default' },
      interface: { name: 'nc0', device: 'recorded' },
      control: { state: 'connected', endpoint: `127.0.0.1:${controller.server.ports.control}` },
      cluster: { id: controller.server.clusterId, revision: expect.stringMatching(/^\d+$/) },
      peers: expect.any(Array),
      health: [],
    });
  });

  it('answers names from its own map, the controller up or down', async () => {
    const own = await startController();
    const node = await aRunningNode('asker', own, { services: [{ name: 'registry', port: 5000 }] });
    await until(async () => (await node.run(['resolve', 'registry.svc.nc.internal'])).exitCode === 0);
    await callUnary(own.admin, 'addRecord', AddRecordRequest.fromPartial({ record: { name: 'nc.internal', type: 'MX', value: '10 mail.example' } }));
    await until(async () => (await node.run(['resolve', 'nc.internal', 'MX'])).stdout !== '');
    await own.stop();

    const address = (await node.run(['resolve', 'asker'])).stdout.trim();
    expect(address).toMatch(/^10\.66\.0\.\d+$/);
    expect((await node.run(['resolve', 'asker.default.nc.internal'])).stdout.trim()).toBe(address);
    expect((await node.run(['resolve', 'registry.svc.nc.internal'])).stdout.trim()).toBe(address);
    expect((await node.run(['resolve', '_registry._tcp.svc.nc.internal', 'SRV'])).stdout).toMatch(/^0 0 5000 registry-asker\./);
    expect((await node.run(['resolve', address, 'PTR'])).stdout.trim()).toBe('asker.default.nc.internal.');
    expect((await node.run(['resolve', 'nc.internal', 'MX'])).stdout.trim()).toBe('10 mail.example.');
    expect((await node.run(['resolve', 'nobody'])).exitCode).toBe(1);
    expect((await node.run(['resolve', 'www.example.org'])).stderr).toContain('nc.internal');
    expect((await node.run(['resolve', 'asker', 'AAAA'])).stderr).toContain('no AAAA record');
  });

  it('tells who there is when somebody pings a node that is not', async () => {
    const node = await aRunningNode('pinger');

    const { exitCode, stderr } = await node.run(['ping', 'nobody']);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('node_unknown');
  });

  it('ends with down, keeps the membership, and down again is no error', async () => {
    const node = await aRunningNode('downer');

    expect((await node.run(['down', '-o', 'json'])).stdout).toContain('"ended": true');
    expect(await node.device.observe()).toBeUndefined();
    expect((await node.run(['status'])).exitCode).toBe(3);
    expect((await node.run(['down', '-o', 'json'])).stdout).toContain('"ended": false');
    expect(readdirSync(node.stateDir)).toContain('current');
  });

  it('leaves with leave: unregistered, and nothing left on disk', async () => {
    const node = await aRunningNode('leaver');

    const { exitCode, stdout } = await node.run(['leave', '-o', 'json']);

    expect([exitCode, JSON.parse(stdout)]).toEqual([0, { left: true, unregistered: true }]);
    expect(existsSync(node.stateDir)).toBe(false);
    expect(await node.device.observe()).toBeUndefined();
    expect(await nodeNames()).not.toContain('leaver');
  });

  it('does not leave when the controller cannot be told, unless forced', async () => {
    const own = await startController();
    const node = await aRunningNode('loyal', own);
    await own.stop();

    const refused = await node.run(['leave']);
    expect(refused.exitCode).toBe(3);
    expect(refused.stderr).toContain('--force');
    expect((await node.run(['status'])).exitCode).toBe(0);

    expect((await node.run(['leave', '--force'])).exitCode).toBe(0);
    expect(existsSync(node.stateDir)).toBe(false);
  });
});

describe('every command', () => {
  it.each(['join', 'up', 'status', 'ping', 'resolve', 'down', 'leave', 'version', 'completion'])('%s explains itself with examples', async (command) => {
    const { exitCode, stdout } = await ncClient([command, '--help']);

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(new RegExp(`Examples:\\n( {2}\\$ .*nc-client .*\\n)+`));
  });

  it('is known to the completion of each shell', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) expect((await ncClient(['completion', shell])).stdout).toContain('resolve');
  });
});

interface RunningNode {
  readonly stateDir: string;
  readonly device: RecordedDevice;
  run(words: readonly string[], stdin?: string): Promise<ClientRun>;
  stop(): Promise<void>;
}

function aConfig(change: Record<string, unknown> = {}): string {
  return writeConfig({ stateDir: join(tmpDir(), 'state'), device: 'recorded', ...change });
}

async function aNode(text: string, config = aConfig(), name?: string): Promise<string> {
  const run = await ncClient(['-c', config, 'join', '--no-up', ...(name === undefined ? [] : ['--name', name])], { stdin: text });
  expect(run).toMatchObject({ exitCode: 0 });
  return config;
}

/** A node whose agent runs in this process, for commands that ask it over its socket. */
async function aRunningNode(name?: string, at = controller, change: Record<string, unknown> = {}): Promise<RunningNode> {
  const path = await aNode(await at.joinString(), aConfig(change), name);
  const config = readClientConfig(path);
  const device = new RecordedDevice(config.interfaceName);
  const agent = await startAgent(config, { device });
  onTestFinished(() => agent.stop());
  await until(async () => (await agent.status()).control === 'connected');
  await agent.ready;
  return { stateDir: config.stateDir, device, run: (words, stdin = '') => ncClient(['-c', path, ...words], { stdin }), stop: () => agent.stop() };
}

async function nodeNames(): Promise<string[]> {
  const { nodes } = await callUnary(controller.admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: 100 }));
  return nodes.map(({ name }) => name);
}
