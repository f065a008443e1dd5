import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SignalRequest } from '../../../src/gen/networkcontroller/v1/node.js';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { ncadm } from '../../ncadm/support.js';
import { noEtcd } from '../../support/etcd.js';
import { replicaIn, TestCluster } from '../../support/replicas.js';
import { until } from '../../support/until.js';
import { Watched } from '../../support/watched.js';

describe.skipIf(noEtcd)(`signals between nodes of different servers${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterAll(() => cluster?.stop());

  async function start() {
    const a = await cluster.replica({ settings: ['replica: { name: one }'] });
    const b = await cluster.replica({ settings: ['replica: { name: two }'] });
    await replicaIn(a, 'two', 'running');
    const [sender, addressee, absent] = [await a.join(await a.token()), await a.join(await a.token()), await a.join(await a.token())];
    await new Watched(a.control(sender)).snapshot();
    const watched = new Watched(b.control(addressee));
    await watched.snapshot();
    const send = (...nodeIds: string[]) => callUnary(a.control(sender), 'signal', SignalRequest.fromPartial({ signals: nodeIds.map((nodeId, i) => ({ nodeId, kind: 2, attempt: i + 1, candidates: [{ address: '192.0.2.9:51820', kind: 1 }] })) }));
    return { a, b, sender, addressee, absent, watched, send };
  }

  it('are not taken for a node that is connected nowhere, or that there is none of', async () => {
    const { absent, send } = await start();

    expect((await send(absent.nodeId, 'nobody')).undelivered).toEqual([absent.nodeId, 'nobody']);
  });

  it('arrive as they were sent, from whom they came, in order, and are no event', async () => {
    const { a, sender, addressee, watched, send } = await start();
    // That the addressee is there is told to the store a moment after it came.
    await until(async () => (await send(addressee.nodeId)).undelivered.length === 0, 'the addressee to be known');
    const before = await until(() => watched.of('signal').length, 'the first signal');

    expect((await send(addressee.nodeId, addressee.nodeId)).undelivered).toEqual([]);

    await until(() => watched.of('signal').length === before + 2, 'both signals');
    expect(watched.of('signal').slice(before)).toMatchObject([1, 2].map((attempt) => ({ nodeId: sender.nodeId, kind: 2, attempt, candidates: [{ address: '192.0.2.9:51820' }] })));
    expect((await ncadm(['--socket', a.adminSocket, 'events', '-o', 'json'])).stdout).not.toContain('"signal"');
  });
});
