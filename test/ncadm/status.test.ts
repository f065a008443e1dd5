import { describe, expect, it } from 'vitest';
import { GetStatusResponse, type GetStatusRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { NodeState, PathKind } from '../../src/gen/networkcontroller/v1/types.js';
import { aNode, ncadm, NOW, startController } from './support.js';

const NETWORK = { name: 'default', cidr: '10.66.0.0/24', addressesTotal: 253, addressesUsed: 3, addressesFree: 249, addressesQuarantined: 1 };
const STATUS = GetStatusResponse.create({
  cluster: { id: 'c-1', epoch: '1', revision: 42n },
  networks: [NETWORK],
  state: 'running',
  version: '0.1.0',
  servicesTotal: 1,
  startedAtMs: NOW - 7_200_000,
});
const NODES = [
  aNode(),
  aNode({ id: 'n-2', name: 'db', bindIp: '10.66.0.3', state: NodeState.NODE_STATE_INIT, path: PathKind.PATH_KIND_RELAY }),
  aNode({ id: 'n-3', name: 'laptop', bindIp: '10.66.0.4', state: NodeState.NODE_STATE_IDLE, path: PathKind.PATH_KIND_NONE, endpoint: '', lastSeenMs: 0, version: '' }),
];

describe('ncadm status', () => {
  it('gives programs exactly the cluster, its networks and its nodes', async () => {
    const socket = await startController({ getStatus: () => ({ ...STATUS, nodes: NODES.slice(0, 1) }) });

    const { exitCode, stdout } = await ncadm(['--socket', socket, 'status', '-o', 'json']);

    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      cluster: { id: 'c-1', epoch: '1', revision: '42' },
      networks: [{ name: 'default', cidr: '10.66.0.0/24', addresses: { total: 253, used: 3, free: 249 } }],
      nodes: [
        {
          id: 'n-1',
          name: 'web-1',
          network: 'default',
          bindIp: '10.66.0.2',
          state: 'connected',
          endpoint: '203.0.113.7:51820',
          path: 'direct',
          lastSeen: '2026-05-12T18:41:08.000Z',
          version: '0.1.0',
        },
      ],
      replicas: [],
    });
  });

  it('shows people the cluster, the pool, a line for each node and the sum', async () => {
    const socket = await startController({ getStatus: () => ({ ...STATUS, nodes: NODES }) });

    const { stdout } = await ncadm(['--socket', socket, 'status']);

    expect(stdout).toBe(`cluster c-1  running · revision 42 · epoch 1 · nc-server 0.1.0 · started 2h ago

network default  10.66.0.0/24  █░░░░░░░░░░░░░░░░░░░  3 of 253 addresses used, 249 free, 1 resting

NAME    STATE        ADDRESS    PATH    ENDPOINT           LAST SEEN  VERSION
db      ● init       10.66.0.3  relay   203.0.113.7:51820  3s ago     0.1.0
laptop  ○ idle       10.66.0.4  none    -                  never      -
web-1   ● connected  10.66.0.2  direct  203.0.113.7:51820  3s ago     0.1.0

3 nodes: 1 connected, 1 init, 1 idle · 1 service
`);
  });

  it('asks for no node when only the summary is wanted, and gives the sums', async () => {
    const asked: GetStatusRequest[] = [];
    const answer = { ...STATUS, nodesTotal: 1_000_000, nodesConnected: 12_345 };
    const socket = await startController({ getStatus: (request) => (asked.push(request), answer) });

    const { stdout } = await ncadm(['--socket', socket, 'status', '--summary']);
    const { stdout: json } = await ncadm(['--socket', socket, 'status', '--summary', '-o', 'json']);

    expect(asked.map(({ summaryOnly }) => summaryOnly)).toEqual([true, true]);
    expect(stdout.split('\n').at(-2)).toBe('1000000 nodes: 12345 connected · 1 service');
    expect(JSON.parse(json)).toMatchObject({ cluster: { id: 'c-1' }, totals: { nodes: 1_000_000, connected: 12_345, services: 1 } });
  });

  it('refuses the summary of one network, which there is none of', async () => {
    const socket = await startController({ getStatus: () => STATUS });

    const { exitCode, stderr } = await ncadm(['--socket', socket, 'status', '--summary', '--network', 'default']);

    expect(exitCode).toBe(2);
    expect(stderr).toContain("option '--summary' cannot be used with option '--network <name>'");
  });

  it('keeps each node on one line of a narrow terminal', async () => {
    const socket = await startController({ getStatus: () => ({ ...STATUS, networks: [], nodes: NODES }) });

    const { stdout } = await ncadm(['--socket', socket, 'status'], { isTTY: true, columns: 72, env: { NO_COLOR: '1' } });

    const lines = stdout.split('\n').filter((line) => line.includes('10.66.0.'));
    expect(lines).toHaveLength(3);
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(72);
  });

  it('reads the nodes of all pages', async () => {
    const pages = ['', '1', '2'];
    const socket = await startController({
      getStatus: ({ pageToken }) => {
        const page = pages.indexOf(pageToken);
        return { ...STATUS, nodes: NODES.slice(page, page + 1), nextPageToken: pages[page + 1] ?? '' };
      },
    });

    const { stdout } = await ncadm(['--socket', socket, 'status', '-o', 'json']);

    expect((JSON.parse(stdout) as { nodes: { name: string }[] }).nodes.map(({ name }) => name)).toEqual(['web-1', 'db', 'laptop']);
  });

  it('shows the controller first, counts it not, and web-2 before web-10', async () => {
    const controller = aNode({ id: 'n-0', name: 'zeus', reserved: true, lastSeenMs: 0 });
    const nodes = [aNode({ name: 'web-10' }), aNode({ name: 'web-2' }), controller];
    const socket = await startController({ getStatus: () => ({ ...STATUS, networks: [], nodes }) });

    const { stdout } = await ncadm(['--socket', socket, 'status']);

    expect(stdout.split('\n').filter((line) => line.includes('●')).map((line) => line.split(' ')[0])).toEqual(['zeus', 'web-2', 'web-10']);
    expect(stdout).toContain('2 nodes: 2 connected, 0 idle');
  });

  it('tells a newcomer how the first node joins', async () => {
    const socket = await startController({ getStatus: () => ({ ...STATUS, nodes: [aNode({ reserved: true })] }) });

    const { stdout } = await ncadm(['--socket', socket, 'status']);

    expect(stdout).toContain('no nodes yet: ncadm token create --expire 10m');
  });

  it('shows the network of each node when there are several networks', async () => {
    const networks = [NETWORK, { ...NETWORK, name: 'lab', cidr: '10.77.0.0/24' }];
    const socket = await startController({ getStatus: () => ({ ...STATUS, networks, nodes: NODES } as GetStatusResponse) });

    const { stdout } = await ncadm(['--socket', socket, 'status']);

    expect(stdout).toMatch(/^NAME.*NETWORK$/m);
    expect(stdout).toMatch(/^network default {2}10/m);
    expect(stdout).toMatch(/^network lab {6}10/m);
  });
});
