import { describe, expect, it } from 'vitest';
import { joinNode } from '../../src/client/join.js';
import { GetStatusRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { toPem } from '../../src/platform/x509/pem.js';
import { clientConfig, runAgent } from '../support/client-node.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { renewed, report } from '../support/renewals.js';
import { until } from '../support/until.js';
import { ncadm, type Run, type Surroundings } from './support.js';

describe('ncadm ca', () => {
  it.each([
    ['a CA that is none', ['prepare', 'both'], 'grpc, network'],
    ['a step of no CA', ['activate'], "missing required argument 'ca'"],
    ['a generation that is no number', ['retire', 'grpc', 'old'], 'whole number'],
    ['a generation before the first', ['retire', 'grpc', '0'], 'whole number'],
  ])('refuses %s with exit code 2', async (_what, words, sentence) => {
    expect(await ncadm(['ca', ...words])).toMatchObject({ exitCode: 2, stdout: '', stderr: expect.stringContaining(sentence) });
  });

  it.each([
    ['activation without a generation prepared', ['activate', 'grpc'], 'ncadm ca prepare'],
    ['retirement of the one that signs', ['retire', 'network', '1'], 'is active'],
    ['retirement of one that never was', ['retire', 'network', '7'], 'want one of the network CA'],
  ])('tells the refusal of %s', async (_what, words, sentence) => {
    const server = await startTestServer();

    const { exitCode, stdout, stderr } = await ask(server, [...words, '--yes']);

    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toContain(sentence);
  });

  it('changes nothing where the question is not answered with yes', async () => {
    const server = await startTestServer();
    await ask(server, ['prepare', 'grpc']);

    const activated = await ask(server, ['activate', 'grpc'], { isTTY: true, stdin: 'no\n' });
    const retired = await ask(server, ['retire', 'grpc', '1', '--compromised'], { isTTY: true, stdin: '\n' });

    expect([activated.exitCode, retired.exitCode]).toEqual([1, 1]);
    expect(activated.stderr).toContain('Let the prepared generation of the grpc CA sign from now on? [y/N]');
    expect(retired.stderr).toContain('every session ends');
    expect(statesOf(await status(server))).toEqual(['grpc 1 active', 'grpc 2 prepared', 'network 1 active']);
  });

  it('is for the host of the server only, apart from looking', async () => {
    const server = await startTestServer();
    const { use } = JSON.parse((await ncadm(['--socket', server.adminSocket, 'admin', 'create', 'alice', '--out', `${server.dir}/alice`, '-o', 'json'])).stdout) as { use: string };
    const elsewhere = use.split(' ').slice(1, -1);

    const looked = await ncadm([...elsewhere, 'ca', 'status']);
    const refused = await ncadm([...elsewhere, 'ca', 'prepare', 'grpc']);

    expect(looked).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('trust bundle 1') });
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('permission_denied') });
  });

  it('shows what each step waits for, and the next one', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token(), { nodeName: 'web-1' });
    await watched(server, member);
    const old = await server.token();
    await ask(server, ['prepare', 'grpc']);

    const waiting = await ask(server, ['status']);
    const refused = await ask(server, ['activate', 'grpc']);
    const { generations, nodes, tokensPinnedToOld } = await status(server);

    expect(waiting.stdout).toContain('trust bundle 2: known to 0 of 1 nodes seen in the last 7 days\n');
    expect(waiting.stdout).toMatch(/grpc 2 waits: node web-1 was seen.*\ngrpc 2 waits: the join string of token .*\ngrpc 2 then: ncadm ca activate grpc\n/);
    expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('See what it waits for: ncadm ca status') });
    expect(nodes).toEqual({ seen: 1, known: 0, behind: ['web-1'] });
    expect(tokensPinnedToOld).toEqual([/ncj1_([0-9a-f]{16})/.exec(old)?.[1]]);
    expect(generations.find(({ generation }) => generation === 2)).toMatchObject({ purpose: 'grpc', state: 'prepared', activatedAt: null, next: 'ncadm ca activate grpc' });
    expect(new Set(generations.map(({ pin }) => pin)).size).toBe(3);
  });

  it('waits for nobody when the key is in the wrong hands', async () => {
    const server = await startTestServer();
    await server.join(await server.token(), { nodeName: 'web-1' });
    await server.token();
    await ask(server, ['prepare', 'grpc']);

    const activated = await ask(server, ['activate', 'grpc', '--compromised', '--yes']);
    const early = await ask(server, ['retire', 'grpc', '1']);
    const retired = await ask(server, ['retire', 'grpc', '1', '--compromised']);

    expect([activated.exitCode, early.exitCode, retired.exitCode]).toEqual([0, 1, 0]);
    expect(early.stderr).toContain('1 certificates that it signed are in use, the last until ');
    expect(statesOf(await status(server))).toEqual(['grpc 1 retired', 'grpc 2 active', 'network 1 active']);
  });

  it('goes through a whole exchange under a connected node', async () => {
    const server = await startTestServer();
    const config = clientConfig({ name: 'web-1' });
    await joinNode(config, await server.token());
    const { agent } = await runAgent(config);
    await until(async () => (await agent.status()).control === 'connected');

    const prepared = await ask(server, ['prepare', 'network']);
    await until(async () => (await status(server)).nodes.behind.length === 0);
    const activated = await ask(server, ['activate', 'network']);

    expect([prepared.exitCode, activated.exitCode]).toEqual([0, 0]);
    expect(activated.stdout).toMatch(/^The network CA signs with its new generation\n\nCA +GENERATION +STATE +IN USE/);
    expect(activated.stdout).toContain('network 1 then: ncadm ca retire network 1');
  });
});

describe('the gate of a CA', () => {
  it('keeps what nodes have said over a restart of the controller', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token(), { nodeName: 'web-1' });
    await watched(server, member);
    await ask(server, ['prepare', 'grpc']);
    await report(server, member, 2);
    await server.stop();

    const again = await startTestServer({ dir: server.dir });

    expect((await status(again)).nodes).toEqual({ seen: 1, known: 1, behind: [] });
    expect((await ask(again, ['activate', 'grpc'])).exitCode).toBe(0);
  });

  it('is written to once however often a node reports the same', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token(), { nodeName: 'web-1' });

    for (let round = 0; round < 3; round++) await report(server, member, 1);

    const { stdout } = await ncadm(['--socket', server.adminSocket, 'events', '-o', 'json']);
    expect(stdout.split('\n').filter((line) => line.includes('"nodeBundle"'))).toHaveLength(1);
  });

  it('counts a certificate no more once its holder has shown the next one', async () => {
    const server = await startTestServer();
    const member = await server.join(await server.token(), { nodeName: 'web-1' });
    for (const purpose of ['grpc', 'network']) {
      await ask(server, ['prepare', purpose]);
      await ask(server, ['activate', purpose, '--compromised']);
    }

    const before = inUse(await status(server));
    const { grpcCas } = await callUnary(server.admin, 'getStatus', GetStatusRequest.create({ summaryOnly: true }));
    const next = await renewed(server, { ...member, caPem: (grpcCas?.certificates ?? []).map((der) => toPem(der)).join('') });
    const during = inUse(await status(server));
    await report(server, next, 1);

    expect([before, during]).toEqual([{ 'grpc 1': 1, 'grpc 2': 0, 'network 1': 1, 'network 2': 0 }, { 'grpc 1': 1, 'grpc 2': 1, 'network 1': 1, 'network 2': 1 }]);
    expect(inUse(await status(server))).toEqual({ 'grpc 1': 0, 'grpc 2': 1, 'network 1': 0, 'network 2': 1 });
    expect([(await ask(server, ['retire', 'grpc', '1'])).exitCode, (await ask(server, ['retire', 'network', '1'])).exitCode]).toEqual([0, 0]);
  });

  it('counts a join string that is good only for the grace of its rotation', async () => {
    const server = await startTestServer();
    const made = await ncadm(['--socket', server.adminSocket, 'token', 'create', '-o', 'json']);
    const { id } = JSON.parse(made.stdout) as { id: string };
    await ask(server, ['prepare', 'grpc']);

    await ncadm(['--socket', server.adminSocket, 'token', 'rotate', id, '--grace', '1h']);
    const inGrace = (await status(server)).tokensPinnedToOld;
    await ncadm(['--socket', server.adminSocket, 'token', 'rotate', id]);

    expect(inGrace).toEqual([id]);
    expect((await status(server)).tokensPinnedToOld).toEqual([]);
  });
});

interface CaStatus {
  readonly nodes: { readonly seen: number; readonly known: number; readonly behind: readonly string[] };
  readonly tokensPinnedToOld: readonly string[];
  readonly generations: readonly { readonly purpose: string; readonly generation: number; readonly state: string; readonly pin: string; readonly liveCertificates: number }[];
}

function ask(server: TestServer, words: readonly string[], around: Surroundings = {}): Promise<Run> {
  return ncadm(['--socket', server.adminSocket, 'ca', ...words], around);
}

async function status(server: TestServer): Promise<CaStatus> {
  return JSON.parse((await ask(server, ['status', '-o', 'json'])).stdout) as CaStatus;
}

function statesOf({ generations }: CaStatus): string[] {
  return generations.map(({ purpose, generation, state }) => `${purpose} ${generation} ${state}`);
}

function inUse({ generations }: CaStatus): Record<string, number> {
  return Object.fromEntries(generations.map(({ purpose, generation, liveCertificates }) => [`${purpose} ${generation}`, liveCertificates]));
}

/** Lets a node be seen: presence is a stream's. */
async function watched(server: TestServer, member: Parameters<TestServer['control']>[0]): Promise<void> {
  server.control(member).watch({ epoch: '', fromRevision: 0n, agentVersion: '1' }).on('error', () => {});
  await until(async () => (await status(server)).nodes.seen === 1);
}
