import { X509Certificate } from 'node:crypto';
import { expect, it } from 'vitest';
import type { CaGeneration, GetCaStatusResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { LabCluster, type LabNode } from '../support/lab-cluster.js';
import { describeLab } from '../support/lab-vitest.js';
import { until } from '../support/until.js';

/** Short, for a CA is retired when everything that it signed has ended. */
const CERTIFICATES = { grpc: '15s', network: '30s' };
const BOTH = ['grpc', 'network'] as const;
/** Only ends a test that hangs. */
const LIMIT_MS = 180_000;

describeLab('both CAs are exchanged in a network of real programs', () => {
  it('while one node is offline: it comes back by itself, and nobody else loses a ping', async () => {
    const cluster = await LabCluster.start(['n1', 'n2', 'away'], { certificates: CERTIFICATES });
    const [n1, n2, away] = cluster.nodes as [LabNode, LabNode, LabNode];
    await cluster.untilDirect();
    const streams = [cluster.pinging(n1, n2), cluster.pinging(n2, n1)];
    await until(() => streams.every((stream) => stream.answered() > 5), 'pings to be answered', LIMIT_MS);

    await cluster.plug(away, 'down');
    await exchangeBoth(cluster);
    await cluster.plug(away, 'up');

    await until(async () => (await away.status()).control === 'connected', 'the node to be back', LIMIT_MS);
    await until(async () => (await cluster.lab.ping(n1.name, away.address)).received > 0, 'pings to it', LIMIT_MS);
    await until(async () => (await cluster.lab.ping(away.name, n2.address)).received > 0, 'pings from it', LIMIT_MS);
    const { facts, bundle, grpcCertificate, networkCertificate } = away.membership();
    expect(facts).toMatchObject({ nodeId: away.joined.facts.nodeId, bindIp: away.address });
    expect([bundle.version, away.joined.bundle.version]).toEqual([5, 1]);
    expect([grpcCertificate, networkCertificate].map((der) => new X509Certificate(der).issuer)).toEqual(['CN=nc-grpc-ca g2', 'CN=nc-network-ca g2']);
    const before = streams.map((stream) => stream.answered());
    await until(() => streams.every((stream, i) => stream.answered() > before[i]! + 3), 'more pings to be answered', LIMIT_MS);
    const pings = await Promise.all(streams.map((stream) => stream.stop()));
    expect(pings.map(({ lost }) => lost)).toEqual([0, 0]);
    console.log(`both CAs exchanged; ${pings.map(({ received }) => received).join(' and ')} pings answered, 0 lost`);
  }, LIMIT_MS * 6);
});

/** Prepare, activate, retire. The node that is away was here a moment ago, so that an admin must say not to wait for it. */
async function exchangeBoth(cluster: LabCluster): Promise<void> {
  const { admin } = cluster;
  for (const purpose of BOTH) await callUnary(admin, 'prepareCa', { purpose });
  await until(async () => (await statusOf(cluster)).behind.join() === 'away', 'everybody who is here to know the new CAs', LIMIT_MS);
  for (const purpose of BOTH) {
    await expect(callUnary(admin, 'activateCa', { purpose, compromised: false })).rejects.toMatchObject({ code: 'ca_not_ready', message: expect.stringContaining('node away') });
    await callUnary(admin, 'activateCa', { purpose, compromised: true });
  }
  for (const purpose of BOTH) {
    await until(async () => firstOf(await statusOf(cluster), purpose).liveCertificates === 0, `what the old ${purpose} CA signed to end`, LIMIT_MS);
    await callUnary(admin, 'retireCa', { purpose, generation: 1, compromised: false });
  }
}

function statusOf({ admin }: LabCluster): Promise<GetCaStatusResponse> {
  return callUnary(admin, 'getCaStatus', {});
}

function firstOf({ generations }: GetCaStatusResponse, purpose: string): CaGeneration {
  return generations.find((each) => each.purpose === purpose && each.generation === 1)!;
}
