import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startAgent, type RunningAgent } from '../../../src/client/app.js';
import { joinNode } from '../../../src/client/join.js';
import type { AgentServiceGetStatusResponse } from '../../../src/gen/networkcontroller/v1/agent.js';
import { silentLog } from '../../../src/platform/log.js';
import { RecordedDevice } from '../../../src/platform/wireguard/recorded-device.js';
import { ncadm } from '../../ncadm/support.js';
import { clientConfig } from '../../support/client-node.js';
import { noEtcd } from '../../support/etcd.js';
import { replicaIn, replicasAt, TestCluster } from '../../support/replicas.js';
import { startTestServer, type TestServer } from '../../support/server.js';
import { until } from '../../support/until.js';
import { Watched } from '../../support/watched.js';

describe('a server with a store of its own', () => {
  it('is not drained, since its nodes have nowhere to go, and goes on', async () => {
    const server = await startTestServer({ settings: ['replica: { name: only }'] });

    const { exitCode, stderr } = await ncadm(['--socket', server.adminSocket, 'replica', 'drain', 'only']);

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/want another server that runs, to which the nodes of only can go/);
    expect((await replicasAt(server))[0]?.state).toBe('running');
  });
});

describe.skipIf(noEtcd)(`a server that drains${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterAll(() => cluster?.stop());

  interface Node {
    readonly agent: RunningAgent;
    readonly device: RecordedDevice;
    readonly lines: readonly string[];
    status(): Promise<AgentServiceGetStatusResponse>;
  }

  /** A real agent that joins at `server`, on a device that carries no packets. */
  async function node(server: TestServer, name: string, change: Record<string, unknown> = {}): Promise<Node> {
    const config = clientConfig({ name, ...change });
    await joinNode(config, await server.token());
    const device = new RecordedDevice(config.interfaceName);
    const lines: string[] = [];
    const log = { ...silentLog, info: (message: string) => void lines.push(message) };
    const agent = await startAgent(config, { device, log });
    onTestFinished(() => agent.stop());
    return { agent, device, lines, status: () => agent.status() };
  }

  const at = ({ ports }: TestServer): string => `127.0.0.1:${ports.control}`;
  const isAt = async ({ status }: Node, server: TestServer): Promise<boolean> => {
    const { control, controlEndpoint } = await status();
    return control === 'connected' && controlEndpoint === at(server);
  };
  const wasReset = ({ lines }: Node): boolean => lines.some((message) => message.includes('sends the whole map again'));

  async function pair() {
    const a = await cluster.replica({ settings: ['replica: { name: one, dataCentre: dc1 }'] });
    const b = await cluster.replica({ settings: ['replica: { name: two, dataCentre: dc2 }'] });
    await replicaIn(a, 'two', 'running');
    return { a, b };
  }

  it('is not found under a name that nobody has', async () => {
    const { a } = await pair();

    const { exitCode, stderr } = await ncadm(['--socket', a.adminSocket, 'replica', 'drain', 'nobody']);

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/replica_unknown.*want one of one, two, got "nobody"/s);
  });

  it('sends its agents to another server, which go on where they were, and gives its jobs away', async () => {
    const { a, b } = await pair();
    const nodes = await Promise.all(['n1', 'n2', 'n3'].map((name) => node(a, name)));
    for (const each of nodes) await until(() => isAt(each, a), 'the agent to be at the first server', 60_000);

    const before = nodes.map(({ device }) => device.configs.length);
    const keysOf = (config: RecordedDevice['configs'][number] | undefined): string[] => config?.peers.map(({ publicKey }) => publicKey).toSorted() ?? [];
    const peersBefore = nodes.map(({ device }) => keysOf(device.configs.at(-1)));
    const { stdout } = await ncadm(['--socket', b.adminSocket, 'replica', 'drain', 'one']);

    expect(stdout).toContain('one sends its nodes away');
    for (const each of nodes) await until(() => isAt(each, b), 'the agent to be at the other server', 60_000);
    expect(nodes.map(wasReset)).toEqual([false, false, false]);
    // No peer was taken off the device on the way, and the interface stays what it was.
    for (const [i, { device }] of nodes.entries()) for (const config of device.configs.slice(before[i])) expect(keysOf(config)).toEqual(expect.arrayContaining(peersBefore[i]!));
    const drained = await replicaIn(b, 'one', 'draining');
    expect(drained.leads).toEqual([]);
    await until(async () => (await replicasAt(b)).find(({ name }) => name === 'two')?.leads.length === 2, 'the other one to lead', 60_000);
    // What happens after the move reaches them from there.
    const late = await b.join(await b.token());
    for (const { device } of nodes) await until(() => device.configs.at(-1)?.peers.some(({ publicKey }) => publicKey === late.keys.wireGuard.publicKey.toString('base64')), 'the change', 60_000);
    for (const { device } of nodes) expect(device.configs.at(-1)?.peers.map(({ endpoint }) => endpoint)).toContain(`127.0.0.1:${b.ports.wireguard}`);
  }, 180_000);

  it('takes no node any more, and says so', async () => {
    const { a, b } = await pair();
    const member = await a.join(await a.token());
    await ncadm(['--socket', b.adminSocket, 'replica', 'drain', 'one']);
    await replicaIn(a, 'one', 'draining');

    const refused = new Watched(a.control(member));

    await until(() => refused.ended, 'the refusal');
    expect(refused.failure).toMatchObject({ code: 'draining' });
    expect((await new Watched(b.control(member)).snapshot()).revision).toBeGreaterThan(0n);
  });

  it('stops when its agents have gone: none of them is without a server for long, and none begins anew', async () => {
    const { a, b } = await pair();
    const nodes = await Promise.all(['s1', 's2'].map((name) => node(a, name)));
    for (const each of nodes) await until(() => isAt(each, a), 'the agent to be at the first server', 60_000);

    await a.stop();

    for (const each of nodes) await until(() => isAt(each, b), 'the agent to be at the other server', 60_000);
    expect(nodes.map(wasReset)).toEqual([false, false]);
    await until(async () => (await replicasAt(b)).length === 1, 'the first to be gone', 60_000);
  }, 180_000);

  it('tells agents of all servers, which remember them, their own data centre first, and stay where they are', async () => {
    const { a, b } = await pair();
    const far = await node(a, 'far', { dataCentre: 'dc2' });
    await until(() => isAt(far, a), 'the agent to be at the first server', 60_000);
    const member = await a.join(await a.token());
    const watched = new Watched(a.control(member));
    const { servers } = await until(() => watched.of('servers').find((list) => list.servers.length === 2), 'the list', 60_000);

    expect(servers.map(({ name, dataCentre, control, isSelf, draining }) => ({ name, dataCentre, control, isSelf, draining })).toSorted((x, y) => (x.name < y.name ? -1 : 1))).toEqual([
      { name: 'one', dataCentre: 'dc1', control: [at(a)], isSelf: true, draining: false },
      { name: 'two', dataCentre: 'dc2', control: [at(b)], isSelf: false, draining: false },
    ]);
    expect(await isAt(far, a)).toBe(true);
    expect(await a.token()).toContain(`127.0.0.1:${b.ports.bootstrap}`);
  });
});
