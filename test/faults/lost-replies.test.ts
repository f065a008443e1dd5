import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { CreateTokenRequest, RenameNodeRequest, UnregisterNodeRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { AddressRecord, NodeRecord, OwnerRecord, TokenRecord } from '../../src/gen/networkcontroller/store/v1/records.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { EtcdStore } from '../../src/server/store/etcd/etcd-store.js';
import { keys, prefixOf } from '../../src/server/store/keys.js';
import { EtcdCluster, noEtcd } from '../support/etcd.js';
import type { TestServer } from '../support/server.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { aController } from './controllers.js';

/** The call itself gives up later than any of its attempts. */
const LONG = { deadlineMs: 60_000 };

describe.skipIf(noEtcd)(`a reply of etcd that is lost on its way${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  const secrets = mkdtempSync(join(tmpdir(), 'nc-test-'));
  let cluster: EtcdCluster;
  let proxies: readonly TcpProxy[];
  let server: TestServer;
  let store: EtcdStore;

  beforeAll(async () => {
    cluster = await EtcdCluster.start();
    proxies = await Promise.all(cluster.endpoints.map((endpoint) => TcpProxy.start(Number(new URL(endpoint).port))));
  });
  afterAll(async () => {
    rmSync(secrets, { recursive: true });
    await cluster?.stop();
    await Promise.all((proxies ?? []).map((proxy) => proxy.close()));
  });
  beforeEach(async () => {
    server = await aController(cluster, { endpoints: proxies.map(({ port }) => `https://127.0.0.1:${port}`), secrets });
    store = await EtcdStore.open(cluster.options());
    onTestFinished(() => store.close());
  });

  /**
   * Calls while no reply arrives; the connections are cut once `isDone` sees in etcd what the call wants. A call that needs a lease first,
   * and gets none, has done nothing and says so; the next one finds the lease that `before` has got.
   */
  async function withLostReply<T>(call: () => Promise<T>, isDone: () => Promise<boolean>, before: () => Promise<unknown>): Promise<T> {
    for (;;) {
      await before();
      const ends = proxies.map((proxy) => proxy.loseReplies());
      let refusal: unknown;
      const answer = call();
      answer.catch((error: unknown) => (refusal = error));
      try {
        if (await until(async () => ((await isDone()) ? 'done' : refusal && 'refused'), 'etcd to carry it out', 50_000) === 'done') return answer;
        expect(refusal).toMatchObject({ code: 'store_failed' });
      } finally {
        for (const end of ends) end();
      }
    }
  }

  async function records<T>(kind: 'node' | 'token' | 'address' | 'use' | 'audit', decode: (value: Uint8Array) => T): Promise<T[]> {
    const found: T[] = [];
    for await (const page of store.list(prefixOf(kind))) found.push(...page.map(({ value }) => decode(value)));
    return found;
  }
  const nodes = (): Promise<NodeRecord[]> => records('node', (value) => NodeRecord.decode(value));

  it('costs a registration nothing: one node, one address, one use of the token, and the machine has its answer', async () => {
    const text = await server.token();
    let before: NodeRecord[] = [];
    const another = async (): Promise<void> => {
      await server.join(await server.token());
      before = await nodes();
    };

    const member = await withLostReply(() => server.join(text), async () => (await nodes()).length > before.length, another);

    const made = (await nodes()).filter(({ id }) => !before.some((node) => node.id === id));
    expect(made.map(({ id, bindIp }) => ({ id, bindIp }))).toEqual([{ id: member.nodeId, bindIp: member.bindIp }]);
    const owned = (await records('address', (value) => AddressRecord.decode(value))).filter(({ nodeId }) => nodeId === member.nodeId);
    const used = (await records('use', (value) => OwnerRecord.decode(value))).filter(({ nodeId }) => nodeId === member.nodeId);
    expect([owned.length, used.length]).toEqual([1, 1]);
  });

  it('makes one token of one wish', async () => {
    let before = new Set<string>();
    const tokens = (): Promise<TokenRecord[]> => records('token', (value) => TokenRecord.decode(value));
    const another = async (): Promise<void> => {
      await server.token();
      before = new Set((await tokens()).map(({ id }) => id));
    };

    const { token } = await withLostReply(
      () => callUnary(server.admin, 'createToken', CreateTokenRequest.fromPartial({ label: 'once' }), LONG),
      async () => (await tokens()).length > before.size,
      another,
    );

    const made = (await tokens()).filter(({ id }) => !before.has(id));
    expect(made.map(({ id }) => id)).toEqual([token?.id]);
  });

  it('does not turn the end of a node into a refusal', async () => {
    const { nodeId } = await server.join(await server.token());

    const { node } = await withLostReply(
      () => callUnary(server.admin, 'unregisterNode', UnregisterNodeRequest.fromPartial({ node: nodeId }), LONG),
      async () => (await store.get(keys.node('default', nodeId))) === undefined,
      async () => {
        const other = await server.join(await server.token());
        await callUnary(server.admin, 'unregisterNode', UnregisterNodeRequest.fromPartial({ node: other.nodeId }));
      },
    );

    expect(node?.id).toBe(nodeId);
  });

  it('renames once, with one audit record', async () => {
    const { nodeId } = await server.join(await server.token());
    const named = async (): Promise<boolean> => NodeRecord.decode((await store.get(keys.node('default', nodeId)))!.value).name === 'renamed';

    const rename = (name: string): Promise<unknown> => callUnary(server.admin, 'renameNode', RenameNodeRequest.fromPartial({ node: nodeId, name }), LONG);

    let before = 0;
    await withLostReply(() => rename('renamed'), named, async () => {
      await rename('other');
      before = (await records('audit', Boolean)).length;
    });

    expect(await named()).toBe(true);
    expect(await records('audit', Boolean)).toHaveLength(before + 1);
  });
});
