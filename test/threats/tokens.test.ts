import { spawn } from 'node:child_process';
import { connect as connectTcp } from 'node:net';
import { createInterface } from 'node:readline';
import { expect, it, onTestFinished } from 'vitest';
import { serverName } from '../../src/domain/certificate.js';
import { ListAuditRequest, ListNodesRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceClient } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { NodeServiceClient } from '../../src/gen/networkcontroller/v1/node.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { ManualClock } from '../support/clock.js';
import { recovered } from '../support/renewals.js';
import { machineKeys, startTestServer, type TestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';
import { startCuttingProxy } from '../support/wires.js';

const LIFETIME_MS = 600_000;
const RACERS = 20;
/** Only ends a test that hangs: five processes and a hundred joins take minutes on a busy machine. */
const LIMIT_MS = 300_000;

const idOf = (joinString: string): string => joinString.slice(5, 21);
const guessed = (joinString: string): string => joinString.replace(/\.[\w-]{22}\./, `.${'A'.repeat(22)}.`);

async function usesOf(server: TestServer, joinString: string): Promise<number | undefined> {
  return (await callUnary(server.admin, 'getToken', { id: idOf(joinString) })).token?.used;
}

/** Nodes that joined. */
async function nodeCount(server: TestServer): Promise<number> {
  return (await callUnary(server.admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: 100 }))).nodes.length;
}

it('Expired token, sweeper not run', async () => {
  const clock = new ManualClock(Date.now());
  const server = await startTestServer({ clock });
  const text = await server.token({ expireMs: LIFETIME_MS });

  clock.set(clock.now() + LIFETIME_MS + 1);

  await expect(server.join(text)).rejects.toMatchObject({ code: 'token_expired' });
  expect(await usesOf(server, text)).toBe(0);
});

it('One-time token used twice / race', async () => {
  const server = await startTestServer();
  const [ours, theirs] = [await server.token(), await server.token()];
  const before = await nodeCount(server);

  const inOneProcess = await Promise.allSettled(Array.from({ length: RACERS }, () => server.join(ours)));
  const processes = await Promise.all(Array.from({ length: 4 }, () => racersInProcess()));
  const inFour = (await Promise.all(processes.map((race) => race(theirs)))).flat();

  expect(inOneProcess.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of inOneProcess) if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'token_spent' });
  expect(inFour).toHaveLength(4 * RACERS);
  expect(inFour.filter((outcome) => outcome !== 'token_spent')).toHaveLength(1);
  expect([await usesOf(server, ours), await usesOf(server, theirs), (await nodeCount(server)) - before]).toEqual([1, 1, 2]);
}, LIMIT_MS);

it('Reply lost, token burned', async () => {
  const server = await startTestServer();
  const [text, keys] = [await server.token(), machineKeys()];
  const proxy = await startCuttingProxy(server.ports.bootstrap, () => until(async () => (await usesOf(server, text)) === 1, 'the commit'));

  await expect(server.join(text.replace(/@.*/, `@127.0.0.1:${proxy.port}`), { keys })).rejects.toMatchObject({ code: 'unavailable' });
  const before = await nodeCount(server);
  const member = await server.join(text, { keys });

  expect([await usesOf(server, text), await nodeCount(server)]).toEqual([1, before]);
  expect((await callUnary(server.admin, 'getNode', { node: member.nodeId, network: '' })).node).toMatchObject({ bindIp: member.bindIp, tokenId: idOf(text) });
});

it('Token guessing, connection flood, slow loris', async () => {
  const server = await startTestServer({ settings: ['limits: { connectionsPerSource: 10, guessesPerMinute: 3 }'] });
  const text = await server.token({ maxUses: 2 });
  const { caPem } = await server.join(text);
  for (let guess = 0; guess < 3; guess++) await expect(server.join(guessed(text))).rejects.toMatchObject({ code: 'token_invalid' });
  await expect(server.join(guessed(text))).rejects.toMatchObject({ code: 'rate_limited' });
  const client = connect(BootstrapServiceClient, { address: `127.0.0.1:${server.ports.bootstrap}`, tls: { ca: caPem, serverName: serverName(server.clusterId) } });
  onTestFinished(() => client.close());
  await callUnary(client, 'healthCheck', {});

  let closed = 0;
  for (let i = 0; i < 40; i++) {
    const silent = connectTcp(server.ports.bootstrap, '127.0.0.1').on('error', () => {}).on('close', () => closed++);
    silent.resume();
    onTestFinished(() => void silent.destroy());
  }

  await until(() => closed >= 31, 'what is too much to be closed');
  await expect(callUnary(client, 'healthCheck', {})).resolves.toMatchObject({ code: '200' });
  await until(() => closed === 40, 'the silent ones to be closed');
  expect(await usesOf(server, text)).toBe(1);
  const { entries } = await callUnary(server.admin, 'listAudit', ListAuditRequest.fromPartial({ result: 'rate_limited' }));
  expect(entries.map(({ method, reason, peerAddress }) => [method, reason, peerAddress])).toContainEqual(['connect', expect.stringContaining('connectionsPerSource'), '127.0.0.1']);
});

it('Timing/oracle on token ids', async () => {
  const server = await startTestServer();
  const text = await server.token();
  const expectRefusal = async (joinString: string): Promise<string> => {
    const refusal: unknown = await server.join(joinString).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'token_invalid' });
    return (refusal as Error).message;
  };

  const wrongSecret = await expectRefusal(guessed(text));
  const unknownId = await expectRefusal(text.replace(/_[0-9a-f]{16}/, `_${'0'.repeat(16)}`));
  await callUnary(server.admin, 'revokeToken', { id: idOf(text) });
  const wrongSecretOfARevokedOne = await expectRefusal(guessed(text));

  expect(new Set([wrongSecret, unknownId, wrongSecretOfARevokedOne]).size).toBe(1);
});

it('Stolen node token', async () => {
  const server = await startTestServer();
  const member = await server.join(await server.token());

  await expect(recovered(server, member, { signer: generateP256() })).rejects.toMatchObject({ code: 'proof_invalid' });
  const withoutCertificate = connect(NodeServiceClient, { address: `127.0.0.1:${server.ports.control}`, tls: { ca: member.caPem, serverName: serverName(server.clusterId) } });
  onTestFinished(() => withoutCertificate.close());
  await expect(callUnary(withoutCertificate, 'unRegister', { token: member.nodeToken })).rejects.toMatchObject({ code: 'unavailable' });

  await expect(recovered(server, member)).resolves.toBeDefined();
});

it('Clock set back on server', async () => {
  const clock = new ManualClock(Date.now());
  const server = await startTestServer({ clock });
  const text = await server.token({ expireMs: 120_000 });
  // Not more than certificates are dated back: TLS goes by this machine's clock.
  clock.advance(180_000);

  clock.set(clock.now() - 3_600_000);
  await expect(server.join(text)).rejects.toMatchObject({ code: 'token_expired' });

  await server.stop();
  const again = await startTestServer({ dir: server.dir, clock });
  await expect(again.join(text.replace(/@.*/, `@127.0.0.1:${again.ports.bootstrap}`))).rejects.toMatchObject({ code: 'token_expired' });
});

/** Machines of a process of its own. Resolves when it is loaded, with what lets them all join at once and gives their outcomes. */
async function racersInProcess(): Promise<(joinString: string) => Promise<string[]>> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'test/support/racers-driver.ts', String(RACERS), tmpDir()], { stdio: ['pipe', 'pipe', 'inherit'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  expect((await lines.next()).value).toBe('ready');
  return async (joinString) => {
    child.stdin.end(`${joinString}\n`);
    return JSON.parse((await lines.next()).value as string) as string[];
  };
}
