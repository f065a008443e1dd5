import { describe, expect, it } from 'vitest';
import { RegisterServiceRequest, ReportRequest, WatchRequest, type NodeServiceClient, type WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import { Service } from '../../src/gen/networkcontroller/v1/types.js';
import { callStream, callUnary } from '../../src/platform/rpc-client.js';
import { startTestServer, type Member, type TestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

const code = (expected: string) => expect.objectContaining({ code: expected });

/** What an agent is told on one watch. */
interface Watched {
  readonly messages: NonNullable<WatchResponse['message']>[];
  failure?: unknown;
  ended: boolean;
}

function watch(client: NodeServiceClient, from: Partial<WatchRequest> = {}): Watched {
  const watched: Watched = { messages: [], ended: false };
  void (async () => {
    try {
      for await (const { message } of callStream(client, 'watch', WatchRequest.fromPartial({ agentVersion: '1', ...from }))) {
        if (message !== undefined) watched.messages.push(message);
      }
    } catch (failure) {
      watched.failure = failure;
    }
    watched.ended = true;
  })();
  return watched;
}

const of = <C extends NonNullable<WatchResponse['message']>['$case']>({ messages }: Watched, kind: C) =>
  messages.filter((message): message is Extract<NonNullable<WatchResponse['message']>, { $case: C }> => message.$case === kind).map(({ value }) => value);

const snapshotOf = (watched: Watched) => until(() => of(watched, 'snapshot').find((snapshot) => (snapshot as { last: boolean }).last), 'a whole map') as Promise<{ epoch: string; revision: bigint }>;
const peersOf = (watched: Watched): string[] => of(watched, 'snapshot').flatMap((snapshot) => (snapshot as { peers: { nodeId: string }[] }).peers.map(({ nodeId }) => nodeId));

async function members(server: TestServer, ...networks: string[]): Promise<Member[]> {
  return Promise.all(networks.map(async (network) => server.join(await server.token({ network }))));
}

const service = (wanted: Partial<Service>): RegisterServiceRequest => RegisterServiceRequest.fromPartial({ service: Service.fromPartial({ port: 80, ...wanted }) });

describe('a node’s services', () => {
  it('are the node’s own, whoever it says it is', async () => {
    const server = await startTestServer();
    const [a, b] = (await members(server, '', '')) as [Member, Member];
    const client = server.control(a);

    const { service: made } = await callUnary(client, 'registerService', service({ name: 'web', nodeId: b.nodeId, network: 'elsewhere' }));

    expect(made).toMatchObject({ name: 'web', nodeId: a.nodeId, network: 'default' });
    await expect(callUnary(client, 'registerService', { service: undefined })).rejects.toEqual(code('invalid_argument'));
    await expect(callUnary(client, 'registerService', service({ name: 'No Name' }))).rejects.toEqual(code('invalid_argument'));
  });

  it('are nobody else’s to replace or to take away', async () => {
    const server = await startTestServer();
    const [a, b] = (await members(server, '', '')) as [Member, Member];
    const { service: made } = await callUnary(server.control(a), 'registerService', service({ name: 'web', id: 'web-1' }));

    await expect(callUnary(server.control(b), 'registerService', service({ name: 'web', id: 'web-1' }))).rejects.toEqual(code('permission_denied'));
    await expect(callUnary(server.control(b), 'deregisterService', { id: 'web-1' })).rejects.toEqual(code('permission_denied'));
    await expect(callUnary(server.control(b), 'deregisterService', { id: 'web' })).rejects.toEqual(code('permission_denied'));
    await expect(callUnary(server.control(a), 'deregisterService', { id: 'other' })).rejects.toEqual(code('service_unknown'));
    const { services } = await callUnary(server.admin, 'listServices', { network: '', name: '', type: '', channel: '', pageSize: 0, pageToken: '' });
    expect(services).toEqual([{ ...made, leaseLeftMs: expect.any(Number) as number }]);

    await callUnary(server.control(a), 'deregisterService', { id: 'web-1' });

    expect((await callUnary(server.admin, 'listServices', { network: '', name: '', type: '', channel: '', pageSize: 0, pageToken: '' })).services).toEqual([]);
  });
});

describe('a node token', () => {
  it('of another node tells a node nothing, and cannot be used to unregister it', async () => {
    const server = await startTestServer();
    const [a, b] = (await members(server, '', '')) as [Member, Member];
    const client = server.control(a);

    for (const method of ['checkConnState', 'getRegistedIp', 'unRegister'] as const) {
      await expect(callUnary(client, method, { token: b.nodeToken })).rejects.toEqual(code('permission_denied'));
    }

    expect(await callUnary(server.control(b), 'getRegistedIp', { token: '' })).toMatchObject({ ip: b.bindIp });
  });
});

describe('a watch', () => {
  it('makes the node known as here, and a report with a tunnel as connected', async () => {
    const server = await startTestServer();
    const [a] = (await members(server, '')) as [Member];
    const client = server.control(a);
    expect(await callUnary(client, 'checkConnState', { token: '' })).toMatchObject({ connState: -1 });

    await snapshotOf(watch(client));
    expect(await callUnary(client, 'checkConnState', { token: '' })).toMatchObject({ connState: 1 });
    await callUnary(client, 'report', ReportRequest.fromPartial({ tunnelUp: true }));

    expect(await callUnary(client, 'checkConnState', { token: '' })).toMatchObject({ connState: 3, bindIp: a.bindIp });
  });

  it('never shows a node of another network, neither in the map nor in what comes later', async () => {
    const server = await startTestServer({ settings: ['networks: [{ name: lab, cidr: 10.67.0.0/24 }]'] });
    const [a, peer] = (await members(server, '', '', 'lab')) as [Member, Member, Member];
    const watched = watch(server.control(a));
    await snapshotOf(watched);
    expect(peersOf(watched)).toContain(peer.nodeId);

    const [foreign] = (await members(server, 'lab')) as [Member];
    await callUnary(server.control(foreign), 'registerService', service({ name: 'hidden' }));
    const [late] = (await members(server, '')) as [Member];

    await until(() => of(watched, 'delta').some((delta) => JSON.stringify(delta, withoutBigint).includes(late.nodeId)), 'the newcomer of the own network');
    const all = JSON.stringify(watched.messages, withoutBigint);
    expect(all).not.toContain(foreign.nodeId);
    expect(all).not.toContain(`${foreign.bindIp}"`);
    // What reverse zones there are is no secret; the name server says it to everybody.
    expect(all.replaceAll('"others":[{"name":"lab","cidr":"10.67.0.0/24","cidr6":""}]', '')).not.toContain('10.67.');
    expect(all).not.toContain('hidden');
  });

  it('ends with node_revoked when an admin unregisters the node, which cannot come back', async () => {
    const server = await startTestServer();
    const [a] = (await members(server, '')) as [Member];
    const watched = watch(server.control(a));
    await snapshotOf(watched);

    await callUnary(server.admin, 'unregisterNode', { node: a.nodeId, network: '' });

    await until(() => watched.ended);
    expect(watched.failure).toEqual(code('node_revoked'));
    const again = watch(server.control(a));
    await until(() => again.ended);
    expect(again.failure).toBeDefined();
    expect(again.messages).toEqual([]);
  });

  it('says goAway before the server stops', async () => {
    const server = await startTestServer();
    const [a] = (await members(server, '')) as [Member];
    const watched = watch(server.control(a));
    await snapshotOf(watched);

    await server.stop();

    await until(() => watched.ended);
    expect(of(watched, 'goAway')).toEqual([{ reconnectWithinSeconds: 1 }]);
  });

  it('goes on after a restart of the server where it was, without a new map', async () => {
    const dir = tmpDir();
    const first = await startTestServer({ dir });
    const [a] = (await members(first, '')) as [Member];
    const { epoch, revision } = await snapshotOf(watch(first.control(a)));
    const [missed] = (await members(first, '')) as [Member];
    await first.stop();

    const second = await startTestServer({ dir });
    const watched = watch(second.control(a), { epoch, fromRevision: revision });

    await until(() => of(watched, 'delta').some((delta) => JSON.stringify(delta, withoutBigint).includes(missed.nodeId)), 'what was missed');
    expect([...of(watched, 'snapshot'), ...of(watched, 'reset')]).toEqual([]);
  });
});

const withoutBigint = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);
