import { describe, expect, it } from 'vitest';
import { UnregisterNodeRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { PathReport, PeerSignal, PeerSignal_Kind, ReportRequest } from '../../src/gen/networkcontroller/v1/node.js';
import { Endpoint_Kind, PathKind } from '../../src/gen/networkcontroller/v1/types.js';
import { callStream, callUnary } from '../../src/platform/rpc-client.js';
import { startTestServer, type Member, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';
import { ncadm } from './support.js';

const { PATH_KIND_DIRECT: DIRECT, PATH_KIND_NONE: NONE, PATH_KIND_RELAY: RELAY } = PathKind;

interface Explained {
  readonly verdict: string;
  readonly says: string;
  readonly mend: string;
  readonly steps: readonly { readonly check: string; readonly result: string; readonly says: string; readonly mend: string }[];
  readonly from: { readonly nat: string; readonly path: string; readonly rttMs: number | null } | null;
  readonly to: { readonly nat: string; readonly path: string } | null;
}

async function explain(server: TestServer, from: string, to: string, ...words: string[]): Promise<Explained> {
  const { exitCode, stdout, stderr } = await ncadm(['--socket', server.adminSocket, 'explain', from, to, '-o', 'json', ...words]);
  expect(stderr).toBe('');
  expect(exitCode).toBe(0);
  return JSON.parse(stdout) as Explained;
}

async function joined(server: TestServer, name: string, network = 'default'): Promise<Member> {
  return server.join(await server.token({ network }), { nodeName: name });
}

/** What a test's agent says when it is asked for its path to another node. */
interface Says {
  readonly path?: Partial<PathReport>;
  readonly tunnelUp?: boolean;
  readonly symmetric?: boolean;
}

/** Stands for the agent of a member: follows the map, reports, and answers when it is asked for paths. */
async function agent(server: TestServer, member: Member, { path = {}, tunnelUp = true, symmetric }: Says = {}): Promise<void> {
  const client = server.control(member);
  const messages = callStream(client, 'watch', { epoch: '', fromRevision: 0n, agentVersion: 'test' });
  let applied = 0n;
  const report = (paths: PathReport[] = []) =>
    callUnary(client, 'report', ReportRequest.fromPartial({ appliedRevision: applied, bundleVersion: 1, candidates: [{ address: '192.168.1.7:51820', kind: Endpoint_Kind.KIND_LOCAL }], tunnelUp, paths }));
  const follow = async (): Promise<void> => {
    for await (const { message } of messages) {
      if (message?.$case === 'snapshot' || message?.$case === 'delta') {
        applied = message.value.revision;
        await report();
      }
      if (message?.$case === 'pathsWanted') await report(message.value.nodeIds.map((nodeId) => PathReport.fromPartial({ nodeId, ...path })));
    }
  };
  follow().catch(() => {});
  await until(() => applied > 0n, 'the map');
  if (symmetric !== undefined) await callUnary(client, 'signal', { signals: [PeerSignal.fromPartial({ nodeId: 'x', kind: PeerSignal_Kind.KIND_OFFER, symmetricNat: symmetric })] });
}

/** Two nodes, a and b, with agents that say so of each other. */
async function pair(a: Says | undefined, b: Says | undefined, settings: readonly string[] = []): Promise<TestServer> {
  const server = await startTestServer({ settings });
  const members = [await joined(server, 'a'), await joined(server, 'b')];
  for (const [i, says] of [a, b].entries()) if (says !== undefined) await agent(server, members[i]!, says);
  return server;
}

const now = (): number => Date.now();
const direct = (change: Partial<PathReport> = {}): Says => ({ path: { path: DIRECT, endpoint: '203.0.113.9:51820', lastHandshakeMs: now(), tried: true, rttUs: 1500, ...change } });
const relayed = (change: Partial<PathReport> = {}): Says => ({ path: { path: RELAY, endpoint: '192.0.2.1:6441', lastHandshakeMs: now(), tried: true, rttUs: 9000, ...change } });

describe('ncadm explain refuses', () => {
  it.each([
    ['one node twice', ['a', 'a'], 'invalid_argument'],
    ['the controller', ['a', 'controller'], 'invalid_argument'],
  ])('%s', async (_what, words, code) => {
    const server = await startTestServer();
    await joined(server, 'a');

    const { exitCode, stdout, stderr } = await ncadm(['--socket', server.adminSocket, 'explain', ...words, '-o', 'json']);

    expect([exitCode, stdout]).toEqual([1, '']);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code } });
  });

  it('to be without two nodes', async () => {
    expect((await ncadm(['explain', 'a'])).exitCode).toBe(2);
  });
});

describe('ncadm explain says unreachable', () => {
  it('for a name that no node has, and of both when both are wrong', async () => {
    const server = await startTestServer();
    await joined(server, 'a');

    expect(await explain(server, 'a', 'nobody')).toMatchObject({ verdict: 'unreachable', says: 'no node has the id or name "nobody"', steps: [{ check: 'registered', result: 'fail' }], from: null, to: null });
    expect((await explain(server, 'x', 'y')).steps).toHaveLength(2);
  });

  it.each([
    ['revoked', 'revokeNode', /^node \w+ was revoked \S+( \S+)? by local \(stolen\)$/],
    ['unregistered', 'unregisterNode', /^node \w+ was unregistered \S+( \S+)? by local$/],
  ] as const)('for the id of a node that was %s, and by whom', async (_what, method, says) => {
    const server = await startTestServer();
    const [, gone] = [await joined(server, 'a'), await joined(server, 'b')];
    if (method === 'revokeNode') await callUnary(server.admin, 'revokeNode', { node: 'b', network: '', reason: 'stolen' });
    else await callUnary(server.admin, 'unregisterNode', UnregisterNodeRequest.fromPartial({ node: 'b' }));

    expect(await explain(server, 'a', gone.nodeId)).toMatchObject({ verdict: 'unreachable', says: expect.stringMatching(says), mend: expect.stringContaining('join it again') });
  });

  it('without printing a node token that nobody has', async () => {
    const server = await startTestServer();
    const token = `ncn1_0123456789abcdef.${'s'.repeat(43)}`;

    expect(JSON.stringify(await explain(server, 'a', token))).not.toContain('sss');
  });

  it('for nodes of two networks, found by name in each', async () => {
    const server = await startTestServer({ settings: ['networks: [{ name: lab, cidr: 10.67.0.0/24 }]'] });
    await joined(server, 'a');
    await joined(server, 'b', 'lab');

    expect(await explain(server, 'a', 'b')).toMatchObject({
      verdict: 'unreachable',
      says: 'a is in network default and b in lab; networks are separate',
      mend: expect.stringContaining('ncadm token create --network lab'),
      steps: [{ check: 'registered', result: 'ok' }, { check: 'network', result: 'fail' }],
    });
    expect(await explain(server, 'a', 'b', '--network', 'default')).toMatchObject({ says: 'no node has the id or name "b"' });
  });

  it('where the network lets nodes reach only the controller', async () => {
    const server = await pair(undefined, undefined, ['interconnection: false']);

    expect(await explain(server, 'a', 'b')).toMatchObject({ verdict: 'unreachable', says: 'network default lets its nodes reach the controller only', mend: expect.stringContaining('interconnection') });
  });

  it('for a node whose agent does not run, and names it', async () => {
    const server = await pair(direct(), undefined);

    const answer = await explain(server, 'a', 'b');

    expect(answer).toMatchObject({ verdict: 'unreachable', says: 'b is not connected; last seen never', mend: expect.stringContaining('nc-client status') });
    expect(answer.steps.filter(({ check }) => check === 'connected').map(({ result }) => result)).toEqual(['ok', 'fail']);
  });

  it('for a node whose UDP does not reach the controller', async () => {
    const server = await pair(direct(), { ...direct(), tunnelUp: false });

    expect(await explain(server, 'a', 'b')).toMatchObject({ verdict: 'unreachable', says: expect.stringMatching(/^b has reached the controller by TCP, and no WireGuard handshake/), mend: expect.stringContaining('UDP') });
  });

  it('when one refuses the other’s certificate, with its reason', async () => {
    const server = await pair(direct({ path: NONE, refused: 'valid from yesterday only' }), direct());

    expect(await explain(server, 'a', 'b')).toMatchObject({ verdict: 'unreachable', says: 'a refuses b: valid from yesterday only', mend: expect.stringContaining('clocks') });
  });

  it('when a certificate has run out', async () => {
    const server = await pair(direct(), direct(), ['certificates: { network: 1s }']);
    await new Promise((resolve) => setTimeout(resolve, 2_100));

    expect(await explain(server, 'a', 'b')).toMatchObject({ verdict: 'unreachable', says: expect.stringMatching(/^the network certificate of a is refused by its peers: valid from/), mend: expect.stringContaining('nc-client doctor') });
  });

  it('when they have no session with each other', async () => {
    const server = await pair({ path: { path: NONE } }, { path: { path: NONE } });

    expect(await explain(server, 'a', 'b')).toMatchObject({ verdict: 'unreachable', says: 'a has no WireGuard session with b', mend: expect.stringContaining('nc-client doctor') });
  });
});

describe('ncadm explain says reachable', () => {
  it('directly, with the latency that was just measured', async () => {
    const server = await pair(direct(), direct());

    const answer = await explain(server, 'a', 'b');

    expect(answer).toMatchObject({ verdict: 'reachable', says: 'a reaches b directly', mend: '', from: { path: 'direct', rttMs: 1.5 }, to: { path: 'direct' } });
    expect(answer.steps.map(({ check }) => check)).toEqual([
      'registered', 'network', 'interconnection', 'connected', 'connected', 'certificate', 'certificate', 'map', 'map', 'peer', 'peer', 'path', 'path', 'handshake', 'handshake', 'answer',
    ]);
    expect(new Set(answer.steps.map(({ result }) => result))).toEqual(new Set(['ok']));
  });

  it('through the relay, and why', async () => {
    const server = await pair({ ...relayed(), symmetric: true }, { ...relayed(), symmetric: true });

    const answer = await explain(server, 'a', 'b');

    expect(answer).toMatchObject({ verdict: 'reachable', says: 'a reaches b through the relay' });
    expect(answer.steps.find(({ check }) => check === 'path')).toMatchObject({ result: 'warn', says: expect.stringContaining('no direct path'), mend: expect.stringContaining('forward a port') });
  });

  it('although one is not asked, as its last report has it', async () => {
    const server = await pair(direct({ tried: false, rttUs: 0 }), direct());

    expect(await explain(server, 'a', 'b')).toMatchObject({ verdict: 'reachable', from: { rttMs: null } });
  });
});

describe('ncadm explain says unclear', () => {
  it('when nobody answers a ping although there is a session', async () => {
    const server = await pair(direct({ rttUs: 0 }), direct());

    expect(await explain(server, 'a', 'b')).toMatchObject({ verdict: 'unclear', says: 'b does not answer a ping of a through the tunnel', mend: expect.stringContaining('ICMP') });
  });

  it('when the last handshake is long ago', async () => {
    const server = await pair(direct({ lastHandshakeMs: now() - 600_000, tried: false, rttUs: 0 }), direct());

    expect(await explain(server, 'a', 'b')).toMatchObject({ verdict: 'unclear', says: 'last WireGuard handshake of a with b: 10m ago', mend: expect.stringContaining('nc-client ping b') });
  });
});

describe('ncadm explain for people', () => {
  it('shows the verdict, every step, both ends, and what to do', async () => {
    const server = await pair(direct(), { ...direct(), tunnelUp: false });

    const { stdout } = await ncadm(['--socket', server.adminSocket, 'explain', 'a', 'b']);

    expect(stdout).toMatch(/^unreachable {2}b has reached the controller by TCP/);
    expect(stdout).toMatch(/✓ registered +a \(\w+, 10\.66\.0\.2\) and b/);
    expect(stdout).toMatch(/✗ connected +b has reached/);
    expect(stdout).toMatch(/NODE +SEEN AT +NAT/);
    expect(stdout).toMatch(/! b has reached[^\n]*\n {2}let UDP out/);
  });

  it('is YAML for who wants it', async () => {
    const server = await startTestServer();

    expect((await ncadm(['--socket', server.adminSocket, 'explain', 'a', 'b', '-o', 'yaml'])).stdout).toContain('verdict: unreachable\n');
  });
});
