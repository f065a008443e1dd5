import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ncadm } from '../../ncadm/support.js';
import { noEtcd } from '../../support/etcd.js';
import { replicaIn, replicasAt, TestCluster } from '../../support/replicas.js';
import { startTestServer } from '../../support/server.js';
import { Watched } from '../../support/watched.js';
import { until } from '../../support/until.js';

describe('a server with a store of its own', () => {
  it('is shown as the one server there is, without a record in its store', async () => {
    const server = await startTestServer({ settings: ['replica: { name: only }'] });

    const listed = JSON.parse((await ncadm(['--socket', server.adminSocket, 'replica', 'list', '-o', 'json'])).stdout) as unknown[];
    const events = await ncadm(['--socket', server.adminSocket, 'events', '-o', 'json']);

    expect(listed).toMatchObject([{ name: 'only', state: 'running', lag: '0', answers: true, endpoints: { control: [`127.0.0.1:${server.ports.control}`] } }]);
    expect(events.stdout).not.toContain('"replica"');
  });

  it('does not start as an observer, since there is nobody else to write', async () => {
    await expect(startTestServer({ settings: ['replica: { role: observer }'] })).rejects.toThrow(/replica\.role: want "full", since with a store in SQLite/);
  });
});

describe.skipIf(noEtcd)(`several servers on etcd${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterAll(() => cluster?.stop());

  it('know of each other where they are, how they are and what they carry', async () => {
    const a = await cluster.replica({ settings: ['replica: { name: one, dataCentre: dc1 }'] });
    const b = await cluster.replica({ settings: ['replica: { name: two, dataCentre: dc2 }'] });
    const member = await a.join(await a.token());
    await new Watched(b.control(member)).snapshot();

    const two = await replicaIn(a, 'two', 'running');
    const [one, own] = await replicasAt(b);

    expect(two).toMatchObject({ dataCentre: 'dc2', isSelf: false, control: [`127.0.0.1:${b.ports.control}`], bootstrap: [`127.0.0.1:${b.ports.bootstrap}`] });
    expect(one).toMatchObject({ name: 'one', isSelf: false });
    expect(own).toMatchObject({ name: 'two', isSelf: true, agents: 1, id: two.id });
    const { stdout } = await ncadm(['--socket', a.adminSocket, 'status']);
    expect(stdout).toMatch(/SERVER +STATE +DATA CENTRE +AGENTS.*\none +running +dc1 .*\ntwo +running +dc2 /);
  });

  it('forget one that stops at once', async () => {
    const a = await cluster.replica({ settings: ['replica: { name: stays }'] });
    const stops = await cluster.replica({ settings: ['replica: { name: stops }'] });
    await replicaIn(a, 'stops', 'running');

    await stops.stop();

    await until(async () => (await replicasAt(a)).every(({ name }) => name !== 'stops'), 'the stopped one to be gone');
  });
});
