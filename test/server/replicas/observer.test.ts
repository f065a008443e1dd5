import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GetStatusRequest, ListNodesRequest } from '../../../src/gen/networkcontroller/v1/admin.js';
import { callUnary, type ReadWorth } from '../../../src/platform/rpc-client.js';
import { ncadm } from '../../ncadm/support.js';
import { noEtcd } from '../../support/etcd.js';
import { replicaIn, replicasAt, TestCluster } from '../../support/replicas.js';
import { joinMachine, machineKeys, type TestServer } from '../../support/server.js';
import { until } from '../../support/until.js';
import { Watched } from '../../support/watched.js';

describe.skipIf(noEtcd)(`among several servers${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterAll(() => cluster?.stop());

  const server = (name: string, role = 'full'): Promise<TestServer> => cluster.replica({ settings: [`replica: { name: ${name}, role: ${role} }`, `dns: { listen: ["127.0.0.1:0"] }`] });

  it('an observer makes no cluster', async () => {
    await expect(server('first', 'observer')).rejects.toMatchObject({ code: 'not_initialised' });
  });

  it('an observer takes no change and no node, says who does, and never leads', async () => {
    const writer = await server('writer');
    const observer = await server('observer', 'observer');
    await replicaIn(observer, 'writer', 'running');
    const elsewhere = new RegExp(`observer is an observer, which only reads: changes are taken by writer at 127\\.0\\.0\\.1:${writer.ports.control}`);

    await expect(observer.token()).rejects.toMatchObject({ code: 'read_only', message: expect.stringMatching(elsewhere) as string });
    const { exitCode, stderr } = await ncadm(['--socket', observer.adminSocket, 'relay', 'create', 'paris', '--endpoint', '192.0.2.7:6441']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(elsewhere);
    const member = await writer.join(await writer.token());
    const watched = new Watched(observer.control(member));
    await until(() => watched.ended, 'the refusal');
    expect(watched.failure).toMatchObject({ code: 'read_only' });
    const joinString = (await writer.token()).replace(/@.*/, `@127.0.0.1:${observer.ports.bootstrap}`);
    await expect(joinMachine(joinString, { keys: machineKeys() })).rejects.toMatchObject({ code: 'read_only' });

    await writer.stop();
    expect((await replicaIn(observer, 'observer', 'observer')).leads).toEqual([]);
    await until(async () => (await replicasAt(observer)).every(({ leads }) => leads.length === 0), 'nobody to lead', 60_000);
    await expect(observer.token()).rejects.toMatchObject({ code: 'read_only', message: expect.stringContaining('no server that takes changes runs now') as string });
  });

  it('an observer shows what the others change, in reads and in names, and is in no list for nodes', async () => {
    const writer = await server('writer');
    const observer = await server('observer', 'observer');
    const member = await writer.join(await writer.token(), { nodeName: 'web-1' });

    await until(async () => (await callUnary(observer.admin, 'listNodes', ListNodesRequest.fromPartial({}))).nodes.some(({ id }) => id === member.nodeId), 'the node');
    const answer = await until(async () => {
      const { stdout } = await ncadm(['--socket', observer.adminSocket, 'dns', 'query', 'web-1.default.nc.internal']);
      return stdout.includes(member.bindIp) && stdout;
    }, 'the name');
    expect(answer).toContain(member.bindIp);
    const watched = new Watched(writer.control(member));
    const [list] = await until(() => watched.of('servers').length > 0 && watched.of('servers'), 'the list of servers');
    expect(list?.servers.map(({ name }) => name)).toEqual(['writer']);
    expect(await writer.token()).not.toContain(String(observer.ports.bootstrap));
  });

  it('one that loses the majority of etcd reads on, saying how old it may be, and names the others when it refuses a change', async () => {
    const one = await server('one');
    const two = await server('two');
    await replicaIn(one, 'two', 'running');
    for (const member of [0, 1]) await cluster.etcd.signal(member, 'SIGKILL');
    await until(async () => (await callUnary(one.admin, 'getStatus', GetStatusRequest.fromPartial({}))).state === 'degraded', 'the loss to be noticed', 60_000);

    const worth: ReadWorth[] = [];
    const { replicas } = await callUnary(one.admin, 'getStatus', GetStatusRequest.fromPartial({}), { onRead: (read) => worth.push(read) });
    await until(() => worth.length > 0, 'the worth of the answer');

    expect(worth[0]?.staleMs).toBeGreaterThan(6_000);
    expect(replicas.find(({ name }) => name === 'one')?.state).toBe('degraded');
    await expect(callUnary(one.admin, 'createToken', { ...NO_TOKEN }, { deadlineMs: 60_000 })).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(new RegExp(`servers that may still reach it: two at 127\\.0\\.0\\.1:${two.ports.control}`)) as string,
    });
    await Promise.all([0, 1].map((member) => cluster.etcd.restart(member)));
    await replicaIn(one, 'one', 'running');
  }, 240_000);
});

const NO_TOKEN = { expireMs: 0, maxUses: 1, unboundedUses: false, label: '', network: '', nodeName: '', bindIp: '', labels: [], ephemeral: false, fromCidrs: [] };
