import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { joinNode } from '../../src/client/join.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import type { AgentServiceGetStatusResponse } from '../../src/gen/networkcontroller/v1/agent.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { clientConfig, runAgent, startNode, type TestNode } from '../support/client-node.js';
import { openController, startController, type Controller } from '../support/controller.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

let controller: Controller;

beforeAll(async () => {
  controller = await openController();
});
afterAll(() => controller.stop());

describe('an agent does not start', () => {
  it('before its machine has joined', async () => {
    await expect(runAgent(clientConfig())).rejects.toMatchObject({ code: 'not_initialised' });
  });

  it('where another one is at work', async () => {
    const { config } = await startNode(controller, 'only-one');

    await expect(runAgent(config)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('an agent ends, and takes the interface away, when', () => {
  it('its node is unregistered by an admin', async () => {
    const { agent, device, facts } = await startNode(controller, 'unwanted');
    await connected({ agent });

    await callUnary(controller.admin, 'unregisterNode', { node: facts.nodeId, network: '' });

    expect(await agent.ended).toMatchObject({ code: 'node_revoked' });
    expect(await device.observe()).toBeUndefined();
  });

  it('its node is revoked, and does not raise the tunnel again at the next start', async () => {
    const { agent, config, facts } = await startNode(controller, 'revoked');
    await connected({ agent });
    await callUnary(controller.admin, 'revokeNode', { node: facts.nodeId, network: '', reason: 'stolen' });
    await agent.ended;

    const again = await runAgent(config);

    expect(await again.agent.ended).toMatchObject({ code: 'node_revoked' });
    expect(again.device.configs).toEqual([]);
  });
});

describe('an agent configures', () => {
  it('the controller and every other node, and takes a node away that has left', async () => {
    const first = await startNode(controller, 'mesh-1');
    const second = await startNode(controller, 'mesh-2');

    await until(() => allowedIps(first).includes(`${second.facts.bindIp}/32`));
    expect(allowedIps(first)).toContain('10.66.0.1/32');
    expect(allowedIps(first)).not.toContain(`${first.facts.bindIp}/32`);
    await callUnary(controller.admin, 'unregisterNode', { node: second.facts.nodeId, network: '' });

    await until(() => !allowedIps(first).includes(`${second.facts.bindIp}/32`));
  });

  it('the interface again when it is lost', async () => {
    const { agent, device } = await startNode(controller, 'loser');
    await connected({ agent });
    const privateKey = device.configs.at(-1)?.privateKey;

    device.lose('somebody deleted it');
    const times = device.configs.length;

    await until(async () => (await device.observe()) !== undefined);
    expect(device.configs.length).toBeGreaterThan(times);
    expect(device.configs.at(-1)?.privateKey).toBe(privateKey);
    expect((await agent.status()).health).toEqual([]);
  });

  it('the interface in the end although it failed at first, and says why meanwhile', async () => {
    const config = clientConfig({ name: 'stubborn' });
    await joinNode(config, await controller.joinString());
    const { agent, device } = await runAgent(config);
    const set = device.set.bind(device);
    let failures = 0;
    device.set = (wanted) => (failures++ < 2 ? Promise.reject(new Error('wg: no such device')) : set(wanted));

    await until(async () => (await agent.status()).health.some((line) => line.includes('no such device')));
    await agent.ready;

    expect(failures).toBeGreaterThan(2);
  });
});

describe('without the controller', () => {
  it('an agent raises the tunnel from the map it has kept, and takes the changes up later', async () => {
    const workDir = join(tmpDir(), 'server');
    const first = await startController({}, { workDir });
    const ports = { bootstrapPort: first.server.ports.bootstrap, grpcPort: first.server.ports.control, port: first.server.ports.wireguard };
    const peer = await startNode(first, 'peer');
    const node = await startNode(first, 'node');
    await until(() => allowedIps(node).includes(`${peer.facts.bindIp}/32`));
    await node.agent.stop();
    await first.stop();

    const alone = await runAgent(node.config);
    await alone.agent.ready;
    expect(allowedIps(alone)).toContain(`${peer.facts.bindIp}/32`);
    expect((await alone.agent.status()).control).toBe('connecting');
    const second = await startController(ports, { workDir });

    await connected(alone);
    const late = await startNode(second, 'late');
    await until(() => allowedIps(alone).includes(`${late.facts.bindIp}/32`));
  });

  it('an agent raises the tunnel even right after its join, and hears of everybody later', async () => {
    const workDir = join(tmpDir(), 'server');
    const first = await startController({}, { workDir });
    const ports = { bootstrapPort: first.server.ports.bootstrap, grpcPort: first.server.ports.control, port: first.server.ports.wireguard };
    await joinNode(clientConfig({ name: 'earlier' }), await first.joinString());
    const config = clientConfig({ name: 'late' });
    await joinNode(config, await first.joinString());
    await first.stop();

    const node = await runAgent(config);
    await node.agent.ready;
    expect(allowedIps(node)).toEqual(['10.66.0.1/32']);
    await startController(ports, { workDir });

    await until(() => allowedIps(node).length === 2);
  });

  it('an agent believes no peer of its kept map that was tampered with', async () => {
    const own = await startController();
    const [peer, other] = [await startNode(own, 'peer'), await startNode(own, 'other')];
    const node = await startNode(own, 'node');
    await until(() => allowedIps(node).includes(`${peer.facts.bindIp}/32`) && allowedIps(node).includes(`${other.facts.bindIp}/32`));
    await node.agent.stop();
    await own.stop();
    const state = StateFolder.open(node.config.stateDir, silentLog);
    const map = state.map()!;
    const forged = map.peers.map((each) => (each.name === 'peer' ? { ...each, bindIp: '10.66.0.77' } : each));
    state.saveMap({ ...map, peers: forged });

    const alone = await runAgent(node.config);
    await alone.agent.ready;

    expect(allowedIps(alone)).toContain(`${other.facts.bindIp}/32`);
    expect(allowedIps(alone)).not.toContain('10.66.0.77/32');
    expect((await alone.agent.status()).peers).toContainEqual(expect.objectContaining({ name: 'peer', refused: expect.stringContaining('10.66.0.77') }));
  });
});

describe('an agent tells', () => {
  it('the controller what it runs and the machine what it sees', async () => {
    const { agent, facts } = await startNode(controller, 'teller');

    expect(await connected({ agent })).toMatchObject({
      name: 'teller',
      bindIp: facts.bindIp,
      device: 'recorded',
      control: 'connected',
      controlEndpoint: `127.0.0.1:${controller.server.ports.control}`,
      clusterId: controller.server.clusterId,
      zone: 'nc.internal',
      health: [],
    });
    await until(async () => (await callUnary(controller.admin, 'getNode', { node: facts.nodeId, network: '' })).node?.version);
  });

  it('of its services while it runs, and takes them back when it ends', async () => {
    const { agent } = await startNode(controller, 'server-1', { services: [{ name: 'registry', port: 5000 }, { name: 'cache', port: 6379, protocol: 'tcp' }] });
    const services = async (): Promise<string[]> => (await callUnary(controller.admin, 'listServices', { name: '', network: '', type: '', channel: '', pageSize: 100, pageToken: '' })).services.map(({ name, port }) => `${name}:${port}`).sort();

    await until(async () => (await services()).length === 2);
    expect(await services()).toEqual(['cache:6379', 'registry:5000']);
    await agent.stop();

    expect(await services()).toEqual([]);
  });
});

async function connected({ agent }: Pick<TestNode, 'agent'>): Promise<AgentServiceGetStatusResponse> {
  await until(async () => (await agent.status()).control === 'connected', 'the control connection');
  await agent.ready;
  return agent.status();
}

function allowedIps({ device }: Pick<TestNode, 'device'>): string[] {
  return (device.configs.at(-1)?.peers ?? []).flatMap(({ allowedIps: ips }) => ips);
}
