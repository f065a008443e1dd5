import { describe, expect, it } from 'vitest';
import { AddServiceRequest, CreateTokenRequest, GetStatusRequest, ListNodesRequest, ListTokensRequest, WatchEventsRequest, type WatchEventsResponse } from '../../src/gen/networkcontroller/v1/admin.js';
import { WatchRequest } from '../../src/gen/networkcontroller/v1/node.js';
import { NodeState, PathKind, Service } from '../../src/gen/networkcontroller/v1/types.js';
import { callStream, callUnary } from '../../src/platform/rpc-client.js';
import { startTestServer, type Member, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

async function joined(server: TestServer, count: number, network = ''): Promise<Member[]> {
  const join = await server.token({ unboundedUses: true, network });
  const all: Member[] = [];
  for (let n = 0; n < count; n++) all.push(await server.join(join));
  return all;
}

describe('status', () => {
  it('counts what there is, and the controller’s own address on neither side', async () => {
    const server = await startTestServer({ settings: ['networkAddr: 10.66.0.0/29'] });
    const [gone] = (await joined(server, 3)) as [Member];
    await callUnary(server.admin, 'unregisterNode', { node: gone.nodeId, network: '' });

    const status = await callUnary(server.admin, 'getStatus', GetStatusRequest.fromPartial({ summaryOnly: true }));

    expect(status).toMatchObject({ state: 'running', nodes: [], nextPageToken: '', cluster: { id: server.clusterId }, servicesTotal: 0 });
    expect(status.networks).toMatchObject([{ name: 'default', addressesTotal: 5, addressesUsed: 2, addressesFree: 2, addressesQuarantined: 1 }]);
    expect(status.bootstrapEndpoints).toEqual([`127.0.0.1:${server.ports.bootstrap}`]);
  });

  it('shows every node once over its pages, and the controller among them', async () => {
    const server = await startTestServer();
    const made = await joined(server, 5);

    const shown: string[] = [];
    let pageToken = '';
    do {
      const page = await callUnary(server.admin, 'getStatus', GetStatusRequest.fromPartial({ pageSize: 2, pageToken }));
      expect(page.nodes.length).toBeLessThanOrEqual(2);
      shown.push(...page.nodes.filter((node) => !node.reserved).map((node) => node.id));
      pageToken = page.nextPageToken;
    } while (pageToken !== '');

    expect([...shown].sort()).toEqual(made.map(({ nodeId }) => nodeId).sort());
  });

  it('refuses a page token that is none', async () => {
    const server = await startTestServer();

    await expect(callUnary(server.admin, 'getStatus', GetStatusRequest.fromPartial({ pageToken: 'nonsense!' }))).rejects.toEqual(code('invalid_argument'));
  });
});

describe('the list of nodes', () => {
  it('is of one network, or of one state, when asked so', async () => {
    const server = await startTestServer({ settings: ['networks: [{ name: lab, cidr: 10.67.0.0/24 }]'] });
    const [here, away] = (await joined(server, 2)) as [Member, Member];
    const [foreign] = (await joined(server, 1, 'lab')) as [Member];
    const stream = callStream(server.control(here), 'watch', WatchRequest.fromPartial({ agentVersion: '1' }));
    await stream.next();
    const list = async (wanted: Partial<ListNodesRequest>): Promise<string[]> =>
      (await callUnary(server.admin, 'listNodes', ListNodesRequest.fromPartial(wanted))).nodes.filter((node) => !node.reserved).map((node) => node.id);

    await until(async () => (await list({ state: NodeState.NODE_STATE_INIT })).length > 0, 'the presence to be stored');

    expect(await list({ state: NodeState.NODE_STATE_INIT })).toEqual([here.nodeId]);
    expect((await list({ state: NodeState.NODE_STATE_IDLE, network: 'default' })).sort()).toEqual([away.nodeId]);
    expect(await list({ network: 'lab' })).toEqual([foreign.nodeId]);
    await stream.return();
  });

  it('shows a node that was just joined as idle and without a path', async () => {
    const server = await startTestServer();
    const [member] = (await joined(server, 1)) as [Member];

    const { node } = await callUnary(server.admin, 'getNode', { node: member.nodeName, network: '' });

    expect(node).toMatchObject({ id: member.nodeId, bindIp: member.bindIp, state: NodeState.NODE_STATE_IDLE, path: PathKind.PATH_KIND_NONE, reserved: false });
    await expect(callUnary(server.admin, 'getNode', { node: 'nobody', network: '' })).rejects.toEqual(code('node_unknown'));
    await expect(callUnary(server.admin, 'getNode', { node: member.nodeName, network: 'lab' })).rejects.toEqual(code('node_unknown'));
  });

  it('keeps the controller: it is neither unregistered nor revoked nor renamed', async () => {
    const server = await startTestServer();
    const own = { node: 'controller', network: '' };

    await expect(callUnary(server.admin, 'unregisterNode', own)).rejects.toEqual(code('node_reserved'));
    await expect(callUnary(server.admin, 'revokeNode', { ...own, reason: '' })).rejects.toEqual(code('node_reserved'));
    await expect(callUnary(server.admin, 'renameNode', { ...own, name: 'other' })).rejects.toEqual(code('node_reserved'));
  });
});

describe('tokens', () => {
  it('show no secret and no hash once they are made, and only the usable ones unless all are wanted', async () => {
    const server = await startTestServer();
    const join = await server.token({ label: 'kept' });
    const { token } = await callUnary(server.admin, 'createToken', CreateTokenRequest.fromPartial({ label: 'gone' }));
    await callUnary(server.admin, 'revokeToken', { id: token!.id });

    const usable = await callUnary(server.admin, 'listTokens', ListTokensRequest.fromPartial({}));
    const all = await callUnary(server.admin, 'listTokens', ListTokensRequest.fromPartial({ all: true }));

    expect(usable.tokens.map(({ label }) => label)).toEqual(['kept']);
    expect(all.tokens.map(({ label, state }) => [label, state]).sort()).toEqual([['gone', 'revoked'], ['kept', 'usable']]);
    expect(JSON.stringify(all)).not.toContain(join.split('.')[1]);
    expect(JSON.stringify(all)).not.toMatch(/hash/i);
  });

  it.each([{ label: 'x'.repeat(201) }, { network: 'lab' }, { bindIp: '10.99.0.1' }, { nodeName: 'a', unboundedUses: true }])('are refused for %j', async (wanted) => {
    const server = await startTestServer();

    await expect(server.token(wanted)).rejects.toMatchObject({ code: expect.stringMatching(/^(invalid_argument|network_unknown)$/) });
  });
});

describe('services', () => {
  it('are added for a node, listed by name, and removed once', async () => {
    const server = await startTestServer();
    const [member] = (await joined(server, 1)) as [Member];
    const add = (wanted: Partial<Service>) => callUnary(server.admin, 'addService', AddServiceRequest.fromPartial({ service: Service.fromPartial(wanted) }));
    const list = async (name: string) => (await callUnary(server.admin, 'listServices', { network: '', name, type: '', channel: '', pageSize: 0, pageToken: '' })).services.map(({ id }) => id);
    await expect(add({ name: 'web' })).rejects.toEqual(code('invalid_argument'));
    await expect(add({ name: 'web', nodeId: 'nobody' })).rejects.toEqual(code('node_unknown'));
    await expect(callUnary(server.admin, 'addService', { service: undefined })).rejects.toEqual(code('invalid_argument'));

    await add({ name: 'web', id: 'web-1', nodeId: member.nodeName, port: 80 });
    await add({ name: 'db', id: 'db-1', address: '192.0.2.1', port: 5432 });

    expect([await list('web'), (await list('')).sort()]).toEqual([['web-1'], ['db-1', 'web-1']]);
    await callUnary(server.admin, 'removeService', { service: 'web', network: '' });
    await expect(callUnary(server.admin, 'removeService', { service: 'web', network: '' })).rejects.toEqual(code('service_unknown'));
    expect(await list('')).toEqual(['db-1']);
  });
});

describe('events', () => {
  it('are followed as they come, until the reader leaves', async () => {
    const server = await startTestServer();
    const seen: WatchEventsResponse[] = [];
    const leave = new AbortController();
    const { cluster } = await callUnary(server.admin, 'getStatus', GetStatusRequest.fromPartial({ summaryOnly: true }));
    const from = cluster!.revision + 1n;
    const following = (async () => {
      const request = WatchEventsRequest.fromPartial({ follow: true, fromRevision: from });
      for await (const event of callStream(server.admin, 'watchEvents', request, { signal: leave.signal })) seen.push(event);
    })().catch(() => undefined);

    const [member] = (await joined(server, 1)) as [Member];

    await until(() => seen.some(({ kind, object }) => kind === 'node' && object === member.nodeId), 'the node to be told of');
    expect(seen[0]?.revision).toBe(from);
    leave.abort();
    await following;
  });

  it('end by themselves when not followed, after as many as were asked for', async () => {
    const server = await startTestServer();
    const seen: WatchEventsResponse[] = [];

    for await (const event of callStream(server.admin, 'watchEvents', WatchEventsRequest.fromPartial({ limit: 2 }))) seen.push(event);

    expect(seen).toHaveLength(2);
  });
});

it('health is answered to a node on the control listener', async () => {
  const server = await startTestServer();
  const [member] = (await joined(server, 1)) as [Member];

  expect(await callUnary(server.control(member), 'healthCheck', {})).toEqual({ code: '200' });
});
