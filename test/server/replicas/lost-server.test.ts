import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ListNodesRequest, ListServicesRequest } from '../../../src/gen/networkcontroller/v1/admin.js';
import { NodeServiceClient } from '../../../src/gen/networkcontroller/v1/node.js';
import { NodeState, Service } from '../../../src/gen/networkcontroller/v1/types.js';
import { callUnary, connect } from '../../../src/platform/rpc-client.js';
import { noEtcd } from '../../support/etcd.js';
import { replicaIn, replicasAt, TestCluster } from '../../support/replicas.js';
import { controlTarget, type Member, type TestServer } from '../../support/server.js';
import { launchServerProcess, type ServerProcess } from '../../support/server-process.js';
import { until } from '../../support/until.js';
import { Watched } from '../../support/watched.js';

describe.skipIf(noEtcd)(`a server that dies${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterAll(() => cluster?.stop());

  function controlOf(server: ServerProcess, member: Member): NodeServiceClient {
    const client = connect(NodeServiceClient, controlTarget(server, member));
    onTestFinished(() => client.close());
    return client;
  }

  async function stateOf({ admin }: TestServer, { nodeId }: Member): Promise<NodeState | undefined> {
    const { nodes } = await callUnary(admin, 'listNodes', ListNodesRequest.fromPartial({}));
    return nodes.find(({ id }) => id === nodeId)?.state;
  }

  it('is gone from the list, its nodes and their services are away, and whoever has moved stays', async () => {
    const survivor = await cluster.replica({ settings: ['replica: { name: survivor }', 'networkAddr: 10.66.0.0/18'] });
    const dies = await launchServerProcess(cluster.folder(), ['replica: { name: dies }', cluster.store]);
    onTestFinished(() => dies.kill());
    await replicaIn(survivor, 'dies', 'running');
    const [lost, moves] = [await survivor.join(await survivor.token()), await survivor.join(await survivor.token())];
    for (const member of [lost, moves]) await new Watched(controlOf(dies, member)).snapshot();
    await callUnary(controlOf(dies, lost), 'registerService', { service: Service.fromPartial({ id: 'web', name: 'web', port: 80, withNode: true }) });
    const withheld = async () => (await callUnary(survivor.admin, 'listServices', ListServicesRequest.fromPartial({}))).services[0]?.withheld;
    await until(async () => (await stateOf(survivor, lost)) === NodeState.NODE_STATE_INIT, 'the node to be seen');
    await until(async () => (await withheld()) === '', 'its service to be there');

    await dies.kill();
    await new Watched(survivor.control(moves)).snapshot();

    await until(async () => (await replicasAt(survivor)).length === 1, 'the dead one to be gone', 60_000);
    await until(async () => (await stateOf(survivor, lost)) === NodeState.NODE_STATE_IDLE, 'its node to be away', 90_000);
    await until(async () => (await withheld()) !== '', 'the service to be withheld', 60_000);
    expect(await stateOf(survivor, moves)).toBe(NodeState.NODE_STATE_INIT);
    expect((await replicasAt(survivor)).flatMap(({ leads }) => leads.toSorted())).toEqual(['copies', 'upkeep']);
  }, 300_000);
});
