import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { joinNode } from '../../src/client/join.js';
import { openMemberKeys, renewMemberKeys } from '../../src/platform/member-keys.js';
import { openSession } from '../../src/client/node-session.js';
import type { Membership } from '../../src/client/state/membership.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { ReportRequest } from '../../src/gen/networkcontroller/v1/node.js';
import { silentLog, type Log } from '../../src/platform/log.js';
import type { ClientConfig } from '../../src/platform/config/client-config.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { clientConfig, runAgent, startNode, type TestNode } from '../support/client-node.js';
import { startController, type Controller } from '../support/controller.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

/** Short enough to see several, long enough for a busy machine. */
const SHORT = { certificates: { grpc: '6s', network: '6s' } };

describe('an agent', () => {
  it('renews its certificates time and again, each with new keys, over one unbroken map', async () => {
    const controller = await startController(SHORT);
    const config = clientConfig({ name: 'steady' });
    await joinNode(config, await controller.joinString());
    const lines: string[] = [];
    const seen = [stateOf(config)];
    const { agent } = await runAgent(config, { log: messagesTo(lines) });

    for (let time = 1; time <= 2; time++) {
      await until(() => serialOf(stateOf(config)) !== serialOf(seen.at(-1)!), `renewal ${time}`);
      seen.push(stateOf(config));
    }
    await until(async () => (await agent.status()).control === 'connected');

    for (const part of ['grpc', 'network'] as const) expect(new Set(seen.map(({ keys }) => keys[part])).size).toBe(3);
    expect(new Set(seen.map(({ keys }) => keys.wireguard)).size).toBe(1);
    expect(new Set(seen.map(({ facts }) => facts.bindIp)).size).toBe(1);
    expect(lines.filter((line) => line.includes('whole map again') || line.includes('connection to the controller was lost'))).toEqual([]);
  });

  it('stops using the certificate before as soon as it has shown the new one', async () => {
    const controller = await startController({ certificates: { grpc: '20s', network: '9s' } });
    const { config } = await startNode(controller, 'mover');
    const before = stateOf(config);

    await until(() => serialOf(stateOf(config)) !== serialOf(before), 'the renewal');

    await until(() => reportAs(controller, before).then(() => false, (error: { code?: string }) => error.code === 'certificate_superseded'));
  });

  it('comes back by itself with the same address after its certificate ran out', async () => {
    const controller = await startController({ certificates: { grpc: '2s', network: '60s' } });
    const config = clientConfig({ name: 'sleeper' });
    const facts = await joinNode(config, await controller.joinString());
    await until(() => Date.parse(new X509Certificate(stateOf(config).grpcCertificate).validTo) < Date.now());

    const { agent } = await runAgent(config);

    await until(async () => (await agent.status()).control === 'connected');
    expect(stateOf(config).facts).toMatchObject({ nodeId: facts.nodeId, bindIp: facts.bindIp });
  });

  it('ends with a clear sentence when its keys are an old copy', async () => {
    const controller = await startController();
    const { config, agent } = await startNode(controller, 'original');
    const copy = stateOf(config);
    await agent.stop();
    await renewElsewhere(controller, copy);

    const { agent: again } = await runAgent(config);

    expect(await again.ended).toMatchObject({ code: 'proof_invalid', message: expect.stringContaining('registered last') });
  });

  it('takes a peer off the interface when its certificate ends, and back when it has another', async () => {
    const controller = await startController({ certificates: { grpc: '60s', network: '5s' } });
    const watcher = await startNode(controller, 'watcher');
    const peer = await startNode(controller, 'peer');
    await until(() => allowedIps(watcher).includes(`${peer.facts.bindIp}/32`));

    await peer.agent.stop({ keepInterface: true });
    await until(() => !allowedIps(watcher).includes(`${peer.facts.bindIp}/32`), 'the end of the certificate');
    const back = await runAgent(peer.config);

    await until(() => allowedIps(watcher).includes(`${peer.facts.bindIp}/32`), 'the new certificate');
    await back.agent.stop();
  });

  it('says why it could not renew, and keeps the interface', async () => {
    const controller = await startController({ certificates: { grpc: '4s', network: '30s' } });
    const { agent, device } = await startNode(controller, 'cut-off');
    await agent.ready;
    await controller.stop();

    await until(async () => (await agent.status()).health.some((line) => line.includes('certificates')));

    expect(await device.observe()).toBeDefined();
  });

  it('goes on with the certificate it has while nobody renews it, and renews when somebody does', async () => {
    const workDir = join(tmpDir(), 'server');
    const first = await startController({ certificates: { grpc: '15s', network: '15s' } }, { workDir });
    const ports = { bootstrapPort: first.server.ports.bootstrap, grpcPort: first.server.ports.control, port: first.server.ports.wireguard };
    const { config, agent } = await startNode(first, 'patient');
    const before = serialOf(stateOf(config));
    await until(async () => (await agent.status()).control === 'connected');
    await first.stop();
    await until(async () => (await agent.status()).control === 'offline');

    expect(serialOf(stateOf(config))).toBe(before);
    const second = await startController({ ...ports, certificates: { grpc: '15s', network: '15s' } }, { workDir });

    await until(() => serialOf(stateOf(config)) !== before, 'the renewal', 40_000);
    expect((await callUnary(second.admin, 'getNode', { node: 'patient', network: '' })).node?.bindIp).toBe(stateOf(config).facts.bindIp);
  }, 60_000);
});

function stateOf(config: ClientConfig): Membership {
  return StateFolder.open(config.stateDir, silentLog).membership()!;
}

function serialOf({ grpcCertificate }: Membership): string {
  return new X509Certificate(grpcCertificate).serialNumber;
}

async function reportAs({ server }: Controller, membership: Membership): Promise<unknown> {
  const session = openSession(`127.0.0.1:${server.ports.control}`, membership);
  try {
    return await session.report(ReportRequest.fromPartial({}));
  } finally {
    session.close();
  }
}

/** The node's other half: it renews and uses what it got, so that the keys in the folder are of yesterday. */
async function renewElsewhere(controller: Controller, membership: Membership): Promise<void> {
  const keys = renewMemberKeys(membership.keys);
  const session = openSession(`127.0.0.1:${controller.server.ports.control}`, membership);
  const { grpcCertificate, networkCertificate } = await session.renew(openMemberKeys(keys, 'node'));
  session.close();
  await reportAs(controller, { ...membership, keys, grpcCertificate, networkCertificate });
}

function allowedIps({ device }: Pick<TestNode, 'device'>): string[] {
  return (device.configs.at(-1)?.peers ?? []).flatMap(({ allowedIps: ips }) => ips);
}

function messagesTo(lines: string[]): Log {
  const note = (message: string): void => void lines.push(message);
  return { ...silentLog, debug: note, info: note, warn: note, error: note };
}
