import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { joinNode } from '../../src/client/join.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { ListNodesRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { silentLog } from '../../src/platform/log.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { clientConfig } from '../support/client-node.js';
import { openController, startController, type Controller } from '../support/controller.js';
import { ManualClock } from '../support/clock.js';
import { testCa, testLeaf } from '../support/test-ca.js';
import { until } from '../support/until.js';
import { startCuttingProxy, startImpostor } from '../support/wires.js';

let controller: Controller;

beforeAll(async () => {
  controller = await openController();
});
afterAll(() => controller.stop());

const ONCE = { attempts: 1 };
const GOOD = 'ncj1_0123456789abcdef.AAAAAAAAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@127.0.0.1:1';

describe('a join string leaves no trace on disk when it', () => {
  it.each([
    ['is empty', ''],
    ['is something else', 'hello'],
    ['has another version', GOOD.replace('ncj1', 'ncj2')],
    ['has no secret', GOOD.replace(/\.A{22}/, '')],
    ['has no pin', GOOD.replace(/\.A{43}/, '')],
    ['has a pin cut short', GOOD.replace(/A@/, '@')],
    ['has no endpoint', GOOD.replace(/@.*/, '')],
    ['has an endpoint without port', GOOD.replace(/:1$/, '')],
    ['has port 0', GOOD.replace(/:1$/, ':0')],
  ])('%s', async (_fault, text) => {
    const config = clientConfig();

    await expect(joinNode(config, text, ONCE)).rejects.toMatchObject({ code: 'join_string_invalid' });
    expect(existsSync(config.stateDir)).toBe(false);
  });
});

describe('a join is refused', () => {
  it('without a byte being said when the server has another CA than the pin names', async () => {
    const impostor = await startImpostor(testLeaf(testCa('nc-grpc-ca g1')));
    const text = (await controller.joinString()).replace(/@.*/, `@127.0.0.1:${impostor.port}`);

    await expect(joinNode(clientConfig(), text, ONCE)).rejects.toMatchObject({ code: 'pin_mismatch' });
    expect(impostor.received()).toBe('');
  });

  it('when the join string is of another cluster', async () => {
    const theirs = await startController();
    const foreign = (await theirs.joinString()).replace(/@.*/, `@127.0.0.1:${controller.server.ports.bootstrap}`);

    await expect(joinNode(clientConfig(), foreign, ONCE)).rejects.toMatchObject({ code: 'pin_mismatch' });
  });

  it('when the token is unknown, or its secret is wrong, with the same words', async () => {
    const good = await controller.joinString();
    const wrongSecret = good.replace(/\.[\w-]{22}\./, '.AAAAAAAAAAAAAAAAAAAAAA.');
    const wrongId = good.replace(/_[0-9a-f]{16}/, '_0123456789abcdef');

    const refusals = await Promise.all([wrongSecret, wrongId].map((text) => refusalOf(joinNode(clientConfig(), text, ONCE))));

    expect(refusals[0]).toMatchObject({ code: 'token_invalid' });
    expect(refusals[0]?.message).toBe(refusals[1]?.message);
  });

  it('when the token has expired, although nothing has swept it', async () => {
    const clock = new ManualClock(Date.now());
    const text = await (await startController({}, { clock })).joinString();
    clock.advance(11 * 60_000);

    await expect(joinNode(clientConfig(), text, ONCE)).rejects.toMatchObject({ code: 'token_expired' });
  });

  it('when the token was revoked', async () => {
    const text = await controller.joinString();
    await callUnary(controller.admin, 'revokeToken', { id: text.slice(5, 21) });

    await expect(joinNode(clientConfig(), text, ONCE)).rejects.toMatchObject({ code: 'token_revoked' });
  });

  it('when the token has made a node already', async () => {
    const text = await controller.joinString();
    await joinNode(clientConfig(), text, ONCE);

    const before = await nodeNames(controller);

    await expect(joinNode(clientConfig(), text, ONCE)).rejects.toMatchObject({ code: 'token_spent' });
    expect(await nodeNames(controller)).toEqual(before);
  });

  it('when the name is taken, and the token is good for another name', async () => {
    await joinNode(clientConfig({ name: 'taken' }), await controller.joinString(), ONCE);
    const text = await controller.joinString();

    await expect(joinNode(clientConfig({ name: 'taken' }), text, ONCE)).rejects.toMatchObject({ code: 'name_taken' });
    expect(await joinNode(clientConfig({ name: 'free' }), text, ONCE)).toMatchObject({ name: 'free' });
  });

  it('when others may enter the state folder', async () => {
    const config = clientConfig();
    mkdirSync(config.stateDir);
    chmodSync(config.stateDir, 0o750);

    await expect(joinNode(config, await controller.joinString(), ONCE)).rejects.toMatchObject({ code: 'key_file_unsafe' });
    expect(readdirSync(config.stateDir)).toEqual([]);
  });

  it('when this machine is a node already, and the token stays unspent', async () => {
    const config = clientConfig();
    await joinNode(config, await controller.joinString(), ONCE);
    const text = await controller.joinString();

    await expect(joinNode(config, text, ONCE)).rejects.toMatchObject({ code: 'already_initialised' });
    await expect(joinNode(clientConfig(), text, ONCE)).resolves.toMatchObject({ bindIp: expect.stringMatching(/^10\.66\.0\./) });
  });

  it('in the end when nobody answers, after it was tried again', async () => {
    const told: string[] = [];

    await expect(joinNode(clientConfig(), GOOD, { attempts: 2, onRetry: (sentence) => told.push(sentence) })).rejects.toMatchObject({ code: 'unavailable' });
    expect(told).toEqual([expect.stringContaining('127.0.0.1:1')]);
  });
});

describe('a join', () => {
  it('gives an address, two certificates and keys that never left', async () => {
    const config = clientConfig({ name: 'web-1' });

    const facts = await joinNode(config, await controller.joinString(), ONCE);

    expect(facts).toMatchObject({ name: 'web-1', bindIp: expect.stringMatching(/^10\.66\.0\.\d+$/), network: 'default', clusterId: controller.server.clusterId });
    expect(StateFolder.open(config.stateDir, silentLog).membership()).toMatchObject({ facts, nodeToken: expect.stringMatching(/^ncn1_/) });
    expect(readdirSync(config.stateDir).sort()).toEqual(['current', 'gen-1', 'map.bin']);
  });

  it('gives the same node when the reply was lost after the commit', async () => {
    const cut = await startCuttingProxy(controller.server.ports.bootstrap, () => until(async () => (await nodeNames(controller)).includes('cut')));
    const config = clientConfig({ name: 'cut' });
    const text = await controller.joinString();
    const throughProxy = text.replace(/@.*/, `@127.0.0.1:${cut.port}`);

    await expect(joinNode(config, throughProxy, ONCE)).rejects.toMatchObject({ code: 'unavailable' });
    const facts = await joinNode(config, text, ONCE);

    expect(facts.name).toBe('cut');
    expect((await nodeNames(controller)).filter((name) => name.startsWith('cut'))).toEqual(['cut']);
  });

  it('goes on to the next endpoint when one does not answer', async () => {
    const text = (await controller.joinString()).replace('@', '@127.0.0.1:1,');

    await expect(joinNode(clientConfig(), text, ONCE)).resolves.toMatchObject({ network: 'default' });
  });

  it('gives an earlier membership up only when told to', async () => {
    const config = clientConfig();
    const first = await joinNode(config, await controller.joinString(), ONCE);

    const second = await joinNode(config, await controller.joinString(), { ...ONCE, replace: true });

    expect(second.nodeId).not.toBe(first.nodeId);
    expect(StateFolder.open(config.stateDir, silentLog).membership()?.facts).toEqual(second);
  });
});

async function refusalOf(join: Promise<unknown>): Promise<Error | undefined> {
  return join.then(() => undefined, (error: Error) => error);
}

async function nodeNames({ admin }: Controller): Promise<string[]> {
  const { nodes } = await callUnary(admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: 100 }));
  return nodes.map(({ name }) => name).sort();
}
