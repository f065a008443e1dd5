import { describe, expect, it, onTestFinished } from 'vitest';
import { ListNodesRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../../src/platform/rpc-client.js';
import { EtcdStore } from '../../src/server/store/etcd/etcd-store.js';
import { EtcdCluster, noEtcd } from '../support/etcd.js';
import { aController } from './controllers.js';

const QUOTA_BYTES = 8 * 1024 * 1024;
const PIECE = Buffer.alloc(512 * 1024);

describe.skipIf(noEtcd)(`an etcd that has used up its space${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  it('is said to be full with what to do, is still read, and takes writes again once there is room', async () => {
    const cluster = await EtcdCluster.start({ 'quota-backend-bytes': String(QUOTA_BYTES) });
    onTestFinished(() => cluster.stop());
    const server = await aController(cluster);
    const { nodeId } = await server.join(await server.token());
    const store = await EtcdStore.open(cluster.options());
    onTestFinished(() => store.close());
    const fill = async (): Promise<void> => {
      for (let i = 0; i < (QUOTA_BYTES * 2) / PIECE.length; i++) await store.txn({ if: [], then: [{ put: '/elsewhere', value: PIECE }] });
    };

    await expect(fill()).rejects.toMatchObject({ code: 'store_full' });
    await expect(server.token()).rejects.toMatchObject({ code: 'store_full', message: expect.stringMatching(/has used up its space and takes no writes; compact its history, defragment each member and disarm the alarm/) });
    const { nodes } = await callUnary(server.admin, 'listNodes', ListNodesRequest.fromPartial({}));
    expect(nodes.map(({ id }) => id)).toContain(nodeId);

    await store.compact(await store.currentRev());
    await cluster.makeRoom();

    expect(await server.token()).toMatch(/^nc/);
  });
});
