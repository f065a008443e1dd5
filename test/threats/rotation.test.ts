import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { joinNode } from '../../src/client/join.js';
import { NetworkTrust } from '../../src/client/peer-trust.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { TrustWalk } from '../../src/client/trust-walk.js';
import type { GetCaStatusResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import type { TrustBundle } from '../../src/gen/networkcontroller/v1/types.js';
import { systemClock } from '../../src/platform/clock.js';
import type { ClientConfig } from '../../src/platform/config/client-config.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { createPki, type Pki } from '../../src/server/pki/pki.js';
import { clientConfig, runAgent, startNode, type TestNode } from '../support/client-node.js';
import { startController, type Controller } from '../support/controller.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

const SHORT = { certificates: { grpc: '6s', network: '6s' } };

describe('a CA is not activated', () => {
  it('when none is prepared', async () => {
    const controller = await startController();

    await expect(activate(controller, 'grpc')).rejects.toMatchObject({ code: 'ca_not_ready', message: expect.stringContaining('prepare') });
    await expect(activate(controller, 'both')).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('while a node that was seen lately does not know it, and the refusal names the node', async () => {
    const controller = await startController();
    const [here, away] = [await startNode(controller, 'here'), await startNode(controller, 'away')];
    for (const node of [here, away]) await connected(node);
    await away.agent.stop();
    await prepare(controller, 'grpc');

    await until(async () => (await status(controller)).behind.join() === 'away');
    await expect(activate(controller, 'grpc')).rejects.toMatchObject({ code: 'ca_not_ready', message: expect.stringContaining('node away') });
    await runAgent(away.config);

    await until(async () => (await status(controller)).behind.length === 0);
    expect(statesOf(await activate(controller, 'grpc'), 'grpc')).toEqual(['passive', 'active']);
  });

  it('while a join string that pins only the one before is good', async () => {
    const controller = await startController();
    const old = await controller.joinString();
    await prepare(controller, 'grpc');
    const both = await controller.joinString();
    const id = /ncj1_([0-9a-f]{16})/.exec(old)?.[1];

    expect((await status(controller)).tokensPinnedToOld).toEqual([id]);
    await expect(activate(controller, 'grpc')).rejects.toMatchObject({ code: 'ca_not_ready', message: expect.stringContaining(id!) });
    await callUnary(controller.admin, 'revokeToken', { id: id! });
    await activate(controller, 'grpc');

    await expect(joinNode(clientConfig({ name: 'late' }), both)).resolves.toMatchObject({ name: 'late' });
  });
});

describe('a CA is not retired', () => {
  it('while it signs, while it is to sign, or while a certificate of it is good', async () => {
    const controller = await startController();
    await joinNode(clientConfig({ name: 'member' }), await controller.joinString());
    await expect(retire(controller, 'network', 1)).rejects.toMatchObject({ code: 'ca_not_ready' });
    await prepare(controller, 'network');
    await expect(retire(controller, 'network', 2)).rejects.toMatchObject({ code: 'ca_not_ready' });
    await activate(controller, 'network');

    await expect(retire(controller, 'network', 1)).rejects.toMatchObject({ code: 'ca_not_ready', message: expect.stringContaining('1 certificates') });
    await expect(retire(controller, 'network', 9)).rejects.toMatchObject({ code: 'invalid_argument' });
  });
});

describe('both CAs are exchanged', () => {
  // Under connected agents; and one that was away for all of it comes back by itself with its address.
  it('CA rotation strands nodes', async () => {
    const controller = await startController(SHORT);
    const config = clientConfig({ name: 'away' });
    const facts = await joinNode(config, await controller.joinString());
    const nodes = [await startNode(controller, 'one'), await startNode(controller, 'two')];
    for (const node of nodes) await connected(node);

    for (const purpose of ['grpc', 'network'] as const) {
      await prepare(controller, purpose);
      await until(async () => (await status(controller)).behind.length === 0, 'everybody to know it');
      await activate(controller, purpose);
      await until(async () => generation(await status(controller), purpose, 1).liveCertificates === 0, 'the end of the old certificates');
      await retire(controller, purpose, 1);
    }

    expect((await status(controller)).generations.map(({ state }) => state)).toEqual(['retired', 'active', 'retired', 'active']);
    for (const node of nodes) await until(async () => (await node.agent.status()).control === 'connected');
    await until(() => allowedIps(nodes[0]!).includes(`${nodes[1]!.facts.bindIp}/32`));
    const { agent } = await runAgent(config);
    await until(async () => (await agent.status()).control === 'connected', 'the return');
    expect(stateOf(config).facts).toMatchObject({ nodeId: facts.nodeId, bindIp: facts.bindIp });
    expect(stateOf(config).bundle.version).toBe(5);
    expect(new X509Certificate(stateOf(config).grpcCertificate).issuer).toBe('CN=nc-grpc-ca g2');
  });

  it('at once when the key is in the wrong hands: everybody shows who it is again, who was away too', async () => {
    const controller = await startController();
    const [here, away] = [await startNode(controller, 'here'), await startNode(controller, 'away')];
    for (const node of [here, away]) await connected(node);
    await away.agent.stop();
    await controller.joinString();
    await prepare(controller, 'grpc');

    await activate(controller, 'grpc', true);
    await retire(controller, 'grpc', 1, true);
    const back = await runAgent(away.config);

    for (const { config, agent, facts } of [here, { ...away, ...back }]) {
      await until(async () => new X509Certificate(stateOf(config).grpcCertificate).issuer === 'CN=nc-grpc-ca g2', `${facts.name} to have another certificate`, 50_000);
      await until(async () => (await agent.status()).control === 'connected', `${facts.name} to be back`, 50_000);
      expect(stateOf(config).facts.bindIp).toBe(facts.bindIp);
      expect(stateOf(config).bundle.grpc?.certificates).toHaveLength(1);
    }
  }, 120_000);

  it('and a restarted server goes on with the one that signs', async () => {
    const workDir = join(tmpDir(), 'server');
    const first = await startController({}, { workDir });
    await prepare(first, 'grpc');
    const before = await activate(first, 'grpc');
    await first.stop();

    const second = await startController({}, { workDir });

    expect(await status(second)).toEqual(before);
    const config = clientConfig({ name: 'new' });
    await joinNode(config, await second.joinString());
    expect(new X509Certificate(stateOf(config).grpcCertificate).issuer).toBe('CN=nc-grpc-ca g2');
  });
});

describe('a trust bundle is not taken over', () => {
  it('when it is forged, or when one before it is missing', async () => {
    const [pki, foreign] = [await aPki(), await aPki()];
    const one = { active: 1, trusted: [1] };
    for (const each of [pki, foreign]) await each.make('grpc', 2, Date.now());
    const second = pki.trustBundle(2, { grpc: { active: 1, trusted: [1, 2] }, network: one });
    const third = pki.trustBundle(3, { grpc: { active: 2, trusted: [2] }, network: one });
    const forged = foreign.trustBundle(2, { grpc: { active: 1, trusted: [1, 2] }, network: one });
    const { trust, kept } = trustIn(pki);

    for (const bundle of [forged, third, { ...second, network: forged.network }, { ...second, version: 9 }]) expect(trust.takeBundle(bundle)).toBe(false);
    expect(kept).toEqual([]);
    expect([trust.takeBundle(second), trust.takeBundle(third), trust.takeBundle(second)]).toEqual([true, true, false]);
    expect(trust.bundleVersion).toBe(3);
  });

  it('from a stranger who answers in the place of the controller', async () => {
    const stranger = await startController();
    await prepare(stranger, 'grpc');
    const { trust, kept } = trustIn(await aPki());
    let asked = 0;
    const takeBundle = (bundle: TrustBundle): boolean => {
      asked++;
      return trust.takeBundle(bundle);
    };
    const endpoints = (): string[] => [`127.0.0.1:${stranger.server.ports.bootstrap}`];
    const changes: string[] = [];
    const walk = new TrustWalk({ endpoints, version: () => trust.bundleVersion, takeBundle, onChanged: () => void changes.push('changed'), clock: systemClock, log: silentLog });

    walk.soon();
    await until(() => asked === 1);

    expect([kept, changes]).toEqual([[], []]);
  });
});

async function aPki(): Promise<Pki> {
  return createPki({ dir: join(tmpDir(), 'pki'), clusterId: 'c1', nowMs: Date.now() });
}

function trustIn(pki: Pki): { trust: NetworkTrust; kept: TrustBundle[] } {
  const kept: TrustBundle[] = [];
  const trust = new NetworkTrust({ clusterId: 'c1', network: 'default', bundle: pki.trustBundle(1), log: silentLog, onBundle: (bundle) => kept.push(bundle) });
  return { trust, kept };
}

function status({ admin }: Controller): Promise<GetCaStatusResponse> {
  return callUnary(admin, 'getCaStatus', {});
}

async function prepare({ admin }: Controller, purpose: string): Promise<GetCaStatusResponse> {
  return (await callUnary(admin, 'prepareCa', { purpose })).status!;
}

async function activate({ admin }: Controller, purpose: string, compromised = false): Promise<GetCaStatusResponse> {
  return (await callUnary(admin, 'activateCa', { purpose, compromised })).status!;
}

async function retire({ admin }: Controller, purpose: string, generationNumber: number, compromised = false): Promise<GetCaStatusResponse> {
  return (await callUnary(admin, 'retireCa', { purpose, generation: generationNumber, compromised })).status!;
}

function generation({ generations }: GetCaStatusResponse, purpose: string, number: number) {
  return generations.find((each) => each.purpose === purpose && each.generation === number)!;
}

function statesOf({ generations }: GetCaStatusResponse, purpose: string): string[] {
  return generations.filter((each) => each.purpose === purpose).map(({ state }) => state);
}

async function connected({ agent }: Pick<TestNode, 'agent'>): Promise<void> {
  await until(async () => (await agent.status()).control === 'connected');
}

function stateOf(config: ClientConfig) {
  return StateFolder.open(config.stateDir, silentLog).membership()!;
}

function allowedIps({ device }: Pick<TestNode, 'device'>): string[] {
  return (device.configs.at(-1)?.peers ?? []).flatMap(({ allowedIps: ips }) => ips);
}
