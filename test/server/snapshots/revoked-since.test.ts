import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CreateApiTokenRequest } from '../../../src/gen/networkcontroller/v1/admin.js';
import type { WatchResponse } from '../../../src/gen/networkcontroller/v1/node.js';
import { callStream, callUnary } from '../../../src/platform/rpc-client.js';
import { EtcdCluster, noEtcd } from '../../support/etcd.js';
import { recovered, report } from '../../support/renewals.js';
import { startTestServer, type Member, type TestServer } from '../../support/server.js';
import { serverCommand, type ServerRun } from '../../support/server-cli.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { onEtcd, onSqlite, type Engine } from './engines.js';

let cluster: EtcdCluster;
const etcd = onEtcd(() => cluster);
const save = async ({ admin }: TestServer): Promise<string> => (await callUnary(admin, 'saveSnapshot', {})).snapshot!.name;
const revoke = ({ admin }: TestServer, node: string) => callUnary(admin, 'revokeNode', { node, network: '', reason: 'stolen' });
const refusedWith = (code: string) => ({ code });

describe('on SQLite', () => tests(onSqlite));

describe.skipIf(noEtcd !== undefined)(`on etcd${noEtcd === undefined ? '' : ` (${noEtcd})`}`, () => {
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 60_000);
  afterAll(() => cluster?.stop());

  tests(etcd);
});

function tests(engine: Engine): void {
  const settings = (): string[] => ['snapshots: { target: kept }', ...engine.settings()];
  const start = async (dir: string): Promise<TestServer> => startTestServer({ dir, settings: settings() });
  const restore = (dir: string): Promise<ServerRun> => serverCommand(dir, ['snapshot', 'restore'], settings());

  it('A node revoked after the snapshot does not come back to life unnoticed (X6)', async () => {
    const dir = tmpDir();
    await (await engine.emptyStore()).close();
    const before = await start(dir);
    const [good, stolen, left] = await Promise.all(['good', 'stolen', 'left'].map(async (nodeName) => before.join(await before.token(), { nodeName })));
    await save(before);
    const late = await before.join(await before.token(), { nodeName: 'late' });
    await revoke(before, stolen!.nodeId);
    await revoke(before, late.nodeId);
    await callUnary(before.admin, 'unregisterNode', { node: left!.nodeId, network: '' });
    await engine.lose(before);

    const { exitCode, result } = await restore(dir);
    const after = await start(dir);

    expect({ exitCode, result }).toMatchObject({ exitCode: 0, result: { revocationsKnown: true, nodesEnded: expect.arrayContaining([stolen!.nodeId, left!.nodeId]) } });
    await report(after, good!);
    for (const node of [stolen!, left!, late]) await expect(report(after, node)).rejects.toMatchObject(refusedWith('node_revoked'));
    for (const node of [stolen!, left!, late]) await expect(recovered(after, node)).rejects.toMatchObject(refusedWith('node_unknown'));
    // Its keys do not come back under another name either; those of a node that merely left may.
    await expect(after.join(await after.token(), { keys: stolen!.keys })).rejects.toMatchObject(refusedWith('node_revoked'));
    await after.join(await after.token(), { keys: left!.keys, nodeName: 'left' });
    const [map] = (await watch(after, good!, { epoch: '', fromRevision: 0n })).filter((message) => message.$case === 'snapshot' && message.value.last);
    const serials = [stolen!, late].map(({ networkCertificate }) => new X509Certificate(networkCertificate).serialNumber);
    const crl = map?.$case === 'snapshot' ? map.value.crl.toString('hex').toUpperCase() : '';
    for (const serial of serials) expect(crl).toContain(serial);
  }, 60_000);

  it('Revoked admins and API tokens do not come back with a snapshot (X6)', async () => {
    const dir = tmpDir();
    await (await engine.emptyStore()).close();
    const before = await start(dir);
    const made = await callUnary(before.admin, 'createApiToken', CreateApiTokenRequest.fromPartial({ scopes: ['status:read'], label: 'x', lifetimeMs: 3_600_000 }));
    const member = await before.join(await before.token());
    await save(before);
    await callUnary(before.admin, 'revokeApiToken', { id: made.token!.id });
    await engine.lose(before);

    await restore(dir);
    const after = await start(dir);

    expect((await callUnary(after.admin, 'listApiTokens', {})).tokens).toMatchObject([{ id: made.token!.id, revokedAtMs: expect.any(Number) }]);
    expect((await callUnary(after.admin, 'listApiTokens', {})).tokens[0]!.revokedAtMs).toBeGreaterThan(0);
    await report(after, member);
  }, 60_000);
}

/** The messages of a map stream up to the first complete map or progress. */
async function watch(server: TestServer, member: Member, from: { epoch: string; fromRevision: bigint }) {
  const seen: NonNullable<WatchResponse['message']>[] = [];
  for await (const { message } of callStream(server.control(member), 'watch', { ...from, agentVersion: '1' })) {
    if (message !== undefined) seen.push(message);
    if (message?.$case === 'progress' || (message?.$case === 'snapshot' && message.value.last)) break;
  }
  return seen;
}
