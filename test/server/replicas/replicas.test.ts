import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GetStatusRequest, ListNodesRequest } from '../../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { noEtcd } from '../../support/etcd.js';
import { TestCluster } from '../../support/replicas.js';
import { startTestServer, type TestServer, type TestServerOptions } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';
import { Watched } from '../../support/watched.js';

describe.skipIf(noEtcd)(`several controllers on etcd${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterAll(() => cluster?.stop());
  const replica = (options?: TestServerOptions): Promise<TestServer> => cluster.replica(options);

  it('show on one what was done on the other: nodes, tokens, maps', async () => {
    const a = await replica();
    const b = await replica();
    expect(b.clusterId).toBe(a.clusterId);

    const member = await a.join(await a.token());
    const watched = new Watched(b.control(member));
    await watched.snapshot();
    const other = await b.join(await a.token());

    await watched.change(other.nodeId);
    const nodes = await until(async () => {
      const { nodes } = await callUnary(a.admin, 'listNodes', ListNodesRequest.fromPartial({}));
      return nodes.some(({ id }) => id === other.nodeId) && nodes;
    }, 'the node of the other');
    expect(nodes.map(({ bindIp }) => bindIp)).toEqual(expect.arrayContaining([member.bindIp, other.bindIp]));
  });

  it('let an agent go on at another one where it was, without a new map', async () => {
    const a = await replica();
    const b = await replica();
    const agent = await a.join(await a.token());
    const { epoch, revision } = await new Watched(a.control(agent)).snapshot();
    const missed = await a.join(await a.token());

    const watched = new Watched(b.control(agent), { epoch, fromRevision: revision });

    await watched.change(missed.nodeId);
    expect([...watched.of('snapshot'), ...watched.of('reset')]).toEqual([]);
  });

  it('give no address twice when all of them are asked at once', async () => {
    const [a, b, c] = await Promise.all([replica(), replica(), replica()]);
    const tokens = await Promise.all(Array.from({ length: 9 }, (_, i) => [a, b, c][i % 3]!.token()));
    const members = await Promise.all(tokens.map((token, i) => [b, c, a][i % 3]!.join(token)));

    expect(new Set(members.map(({ bindIp }) => bindIp)).size).toBe(9);
  });

  it('refuse to start with secrets of their own, naming both fingerprints', async () => {
    await replica();
    const settings = [cluster.store];
    const strange = tmpDir();
    await (await startTestServer({ dir: strange })).stop();

    await expect(startTestServer({ dir: strange, settings })).rejects.toThrow(/pki: want the grpc CA, generation 1 of the cluster \(SHA-256 \w+\), got another \(SHA-256 \w+\); copy it/);
    rmSync(join(strange, 'work', 'pki'), { recursive: true });
    cpSync(join(cluster.secrets, 'pki'), join(strange, 'work', 'pki'), { recursive: true });
    await expect(startTestServer({ dir: strange, settings })).rejects.toThrow(/wireguard.key: want the WireGuard key of the cluster/);
  });

  it('have what happened while they were away after a restart', async () => {
    const a = await replica();
    const b = await replica();
    const agent = await a.join(await a.token());
    await b.stop();
    const missed = await a.join(await a.token());

    const again = await replica({ dir: b.dir });
    const watched = new Watched(again.control(agent));
    await watched.snapshot();

    expect(JSON.stringify(watched.of('snapshot'), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value))).toContain(missed.nodeId);
  });

  it('answer from what they have and refuse to write while etcd has no majority, and say so', async () => {
    const a = await replica();
    const member = await a.join(await a.token());
    const gone = [0, 1];
    for (const each of gone) await cluster.etcd.signal(each, 'SIGKILL');

    await until(async () => (await callUnary(a.admin, 'getStatus', GetStatusRequest.fromPartial({}))).state === 'degraded', 'the loss to be noticed', 60_000);
    const { nodes } = await callUnary(a.admin, 'listNodes', ListNodesRequest.fromPartial({}));
    expect(nodes.map(({ id }) => id)).toContain(member.nodeId);
    await expect(a.token()).rejects.toMatchObject({ code: expect.stringMatching(/^(store_failed|timeout)$/) });

    await Promise.all(gone.map((each) => cluster.etcd.restart(each)));
    await until(async () => (await callUnary(a.admin, 'getStatus', GetStatusRequest.fromPartial({}))).state === 'running', 'the return of etcd', 60_000);
    expect(await a.token()).toMatch(/^nc/);
  });
});
