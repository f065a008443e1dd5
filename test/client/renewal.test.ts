import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import { joinNode } from '../../src/client/join.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import type { Membership } from '../../src/client/state/membership.js';
import { silentLog } from '../../src/platform/log.js';
import { clientConfig, runAgent, startNode } from '../support/client-node.js';
import { startController } from '../support/controller.js';
import { until } from '../support/until.js';

it('replaces both certificates and their keys in time, and stays the same node to everybody', async () => {
  const controller = await startController({ certificates: { grpc: '6s', network: '18s' } });
  const node = await startNode(controller, 'renewed');
  const peer = await startNode(controller, 'peer');
  const before = membershipIn(node.config.stateDir);

  const after = await until(() => {
    const now = membershipIn(node.config.stateDir);
    return serial(now.grpcCertificate) !== serial(before.grpcCertificate) && now;
  }, 'the renewal');

  expect(serial(after.networkCertificate)).not.toBe(serial(before.networkCertificate));
  expect(after.keys.grpc).not.toBe(before.keys.grpc);
  expect({ ...after, keys: after.keys.wireguard }).toMatchObject({ keys: before.keys.wireguard, nodeToken: before.nodeToken, facts: before.facts });
  await until(async () => (await node.agent.status()).control === 'connected');
  const seen = (await peer.agent.status()).peers.find(({ name }) => name === 'renewed');
  expect(seen).toMatchObject({ refused: '', bindIp: node.facts.bindIp });
});

it('comes back as the same node with a certificate that ended while it was away', async () => {
  const controller = await startController({ certificates: { grpc: '2s', network: '30s' } });
  const config = clientConfig({ name: 'sleeper' });
  const facts = await joinNode(config, await controller.joinString());
  const endsAtMs = Date.parse(new X509Certificate(membershipIn(config.stateDir).grpcCertificate).validTo);
  await until(() => Date.now() > endsAtMs + 1000);

  const { agent } = await runAgent(config);

  await until(async () => (await agent.status()).control === 'connected');
  expect(await agent.status()).toMatchObject({ nodeId: facts.nodeId, bindIp: facts.bindIp });
});

it('says why it could not renew, and goes on with what it has', async () => {
  const controller = await startController({ certificates: { grpc: '4s', network: '30s' } });
  const { agent, device } = await startNode(controller, 'cut-off');
  await agent.ready;
  await controller.stop();

  await until(async () => (await agent.status()).health.some((line) => line.includes('certificates')));

  expect(await device.observe()).toBeDefined();
});

function membershipIn(stateDir: string): Membership {
  return StateFolder.open(stateDir, silentLog).membership()!;
}

function serial(der: Buffer): string {
  return new X509Certificate(der).serialNumber;
}
