import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { joinNode } from '../../src/client/join.js';
import { AddServiceRequest, ListServicesRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import type { Service } from '../../src/gen/networkcontroller/v1/types.js';
import { parseClientConfig } from '../../src/platform/config/client-config.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { startNode, type TestNode } from '../support/client-node.js';
import { openController, type Controller } from '../support/controller.js';
import { dig, digStatus } from '../support/dns.js';
import { ncClient, writeConfig, type ClientRun } from '../support/nc-client.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

let controller: Controller;
let dnsPort: number;

beforeAll(async () => {
  controller = await openController({ dns: { listen: ['127.0.0.1:0'] } });
  dnsPort = controller.server.ports.dns[0]!;
});
afterAll(() => controller.stop());

describe('a service of client.yml', () => {
  it('answers under every name it has while its agent runs, and under none after', async () => {
    const { agent, facts } = await startNode(controller, 'shop-1', { services: [{ name: 'shop', port: 8080, type: 'mq', role: 'primary', priority: 1, weight: 5, metadata: { path: '/v1' } }] });

    await until(() => answers('shop.svc.nc.internal', facts.bindIp), 'the service in DNS');
    expect(await short('shop-1.shop.stable.svc.nc.internal')).toBe('');
    expect(await short('shop-shop-1.shop.stable.svc.nc.internal')).toBe(facts.bindIp);
    expect(await short('_shop._tcp.svc.nc.internal', 'SRV')).toBe('1 5 8080 shop-shop-1.shop.stable.svc.nc.internal.');
    expect((await short('shop-shop-1.shop.stable.svc.nc.internal', 'TXT')).split(' ').sort()).toEqual(['"path=/v1"', '"role=primary"', '"type=mq"']);
    await agent.stop();

    await gone('shop.svc.nc.internal');
  });

  it('goes out of DNS when its agent is killed without goodbye, and comes back with the agent; the record keeps why', async () => {
    const config = writeConfig({ stateDir: join(tmpDir(), 'state'), device: 'recorded', name: 'killed', services: [{ name: 'victim', port: 80, lease: '2s' }] } as never);
    const facts = await joinNode(configAt(config), await controller.joinString());
    const first = startAgentProcess(config);
    await until(() => answers('victim.svc.nc.internal', facts.bindIp), 'the service in DNS');

    const killedMs = performance.now();
    first.kill('SIGKILL');
    await gone('victim.svc.nc.internal');
    console.log(`a lease of 2 s: out of DNS ${Math.round(performance.now() - killedMs)} ms after kill -9`);

    expect(await record('victim')).toMatchObject({ withheld: 'not renewed for 2 s', leaseSeconds: 2 });
    startAgentProcess(config);
    await until(() => answers('victim.svc.nc.internal', facts.bindIp), 'the service in DNS again');
    expect(await record('victim')).toMatchObject({ withheld: '' });
  });

  it('that follows its node goes out of DNS with the node', async () => {
    const config = writeConfig({ stateDir: join(tmpDir(), 'state'), device: 'recorded', name: 'bound', services: [{ name: 'bound', port: 80, lease: 'node' }] } as never);
    const facts = await joinNode(configAt(config), await controller.joinString());
    const process = startAgentProcess(config);
    await until(() => answers('bound.svc.nc.internal', facts.bindIp), 'the service in DNS');

    process.kill('SIGKILL');
    await gone('bound.svc.nc.internal');

    expect(await record('bound')).toMatchObject({ withheld: 'its node is not connected' });
  });

  it('that fails its health check is out of DNS until it passes again, and the agent\'s status says why', async () => {
    const app = createServer().listen(0, '127.0.0.1');
    await once(app, 'listening');
    const { port } = app.address() as AddressInfo;
    const { agent, facts } = await startNode(controller, 'checked', { services: [{ name: 'checked', port, check: { url: `tcp://127.0.0.1:${port}`, interval: '200ms' } }] });
    await until(() => answers('checked.svc.nc.internal', facts.bindIp), 'the service in DNS');

    const closedMs = performance.now();
    app.close();
    await gone('checked.svc.nc.internal');
    console.log(`a check every 200 ms: out of DNS ${Math.round(performance.now() - closedMs)} ms after the service ended`);

    expect((await record('checked'))?.withheld).toMatch(/^its health check fails: .*ECONNREFUSED/);
    expect((await agent.status()).health).toContainEqual(expect.stringMatching(/^service checked-checked is withheld, its health check fails/));
    app.listen(port, '127.0.0.1');
    onTestFinished(() => void app.close());
    await until(() => answers('checked.svc.nc.internal', facts.bindIp), 'the service in DNS again');
  });

  it('that never passed its health check is never answered', async () => {
    await startNode(controller, 'sick', { services: [{ name: 'sick', port: 1, check: { exec: ['/bin/false'], interval: '200ms' } }] });

    await until(async () => (await record('sick'))?.withheld === 'its health check fails: ended with 1', 'the check to fail');

    expect(await digStatus(dnsPort, 'sick.svc.nc.internal', 'A')).toBe('NXDOMAIN');
  });
});

describe('nc-client service', () => {
  it.each([
    ['a name that is no label', ['register', 'No.Name', '--port', '80'], /service.name: want a lower-case DNS label/],
    ['a port out of range', ['register', 'web', '--port', '70000'], /service.port: want a port from 1 to 65535/],
    ['a lease without end', ['register', 'web', '--port', '80', '--lease', '2d'], /service.lease: want a duration from 1s to 1d, or node/],
    ['metadata that no record can carry', ['register', 'web', '--port', '80', '--meta', `key=${'x'.repeat(300)}`], /service.metadata: want "key=value" of at most 255 bytes/],
    ['a check of a kind that there is not', ['register', 'web', '--port', '80', '--check', 'ftp://127.0.0.1/'], /service.check.url: want tcp:\/\/host:port/],
    ['the id of somebody else\'s service', ['register', 'web', '--port', '80', '--id', 'taken'], /permission_denied: service: taken belongs to another node/],
    ['to take back what is not offered', ['deregister', 'web-1'], /service_unknown/],
  ])('refuses %s and offers nothing', async (_what, argv, sentence) => {
    await callUnary(controller.admin, 'addService', AddServiceRequest.fromPartial({ service: { name: 'other', id: 'taken', address: '192.0.2.1' } }));
    const node = await startNode(controller, '', { services: [] });
    const nc = await serviceCommand(node);

    const { exitCode, stderr } = await nc(...argv);

    expect([exitCode, stderr]).toEqual([1, expect.stringMatching(sentence)]);
    expect(await record('web')).toBeUndefined();
    expect(JSON.parse((await nc('list', '-o', 'json')).stdout)).toEqual([]);
  });

  it('registers, lists and takes back a service at run time', async () => {
    const node = await startNode(controller, 'runtime');
    const { facts } = node;
    const nc = await serviceCommand(node);

    expect(await nc('register', 'late', '--port', '90', '--channel', 'beta', '--meta', 'a=b')).toMatchObject({ exitCode: 0, stdout: 'Service late offered as late-runtime\n', stderr: '' });
    await until(() => answers('late-runtime.late.beta.svc.nc.internal', facts.bindIp), 'the service in DNS');
    expect((await nc('list')).stdout).toMatch(/^ID +NAME +PORT +CHANNEL +LEASE +HEALTH +REASON\nlate-runtime +late +90\/tcp +beta +10s +- +-\n$/);
    expect((await nc('register', 'late', '--port', '91')).stderr).toContain('conflict');
    expect((await nc('deregister', 'late-runtime')).exitCode).toBe(0);

    await gone('late.svc.nc.internal');
    expect(await record('late')).toBeUndefined();
  });

  it('keeps what was registered while the controller was away for the next connection', async () => {
    const away = await openController();
    const nc = await serviceCommand(await startNode(away, 'patient'));
    await away.stop();

    const { exitCode, stderr } = await nc('register', 'later', '--port', '80');

    expect([exitCode, stderr]).toEqual([0, 'the controller is not connected; it will be told with the next connection\n']);
  });
});

/** `nc-client service …` against the agent of a node that is connected. */
async function serviceCommand({ agent, config }: TestNode): Promise<(...argv: string[]) => Promise<ClientRun>> {
  await until(async () => (await agent.status()).control === 'connected', 'the control connection');
  const path = writeConfig({ stateDir: config.stateDir });
  return (...argv) => ncClient(['-c', path, 'service', ...argv]);
}

function startAgentProcess(config: string) {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/client/main.ts', '-c', config, 'up'], { stdio: 'ignore' });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

function configAt(path: string) {
  return parseClientConfig(readFileSync(path, 'utf8'), path);
}

async function short(name: string, type = 'A'): Promise<string> {
  return (await dig(dnsPort, '+short', name, type)).trim();
}

async function answers(name: string, wanted: string): Promise<boolean> {
  return (await short(name)) === wanted;
}

/** Waits until a name is out of DNS. */
async function gone(name: string): Promise<void> {
  await until(async () => (await digStatus(dnsPort, name, 'A')) === 'NXDOMAIN', `${name} to be out of DNS`);
}

async function record(name: string): Promise<Service | undefined> {
  const { services } = await callUnary(controller.admin, 'listServices', ListServicesRequest.fromPartial({ name }));
  return services[0];
}
