import { expect, it, onTestFinished } from 'vitest';
import { CreateTokenRequest, ListNodesRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { NodeState } from '../../src/gen/networkcontroller/v1/types.js';
import { callStream, callUnary } from '../../src/platform/rpc-client.js';
import { startTestServer, type Member, type TestServer } from '../support/server.js';
import { until } from '../support/until.js';

const MACHINES = 300;
const ADDRESSES = 253;
/** Every twelfth machine stays connected. */
const STAYS = 12;

/** Opens the node's control stream and keeps it open till the end of the test. */
function stayConnected(server: TestServer, member: Member): void {
  const over = new AbortController();
  onTestFinished(() => over.abort());
  void (async () => {
    const stream = callStream(server.control(member), 'watch', { epoch: '', fromRevision: 0n, agentVersion: 'test' }, { signal: over.signal });
    for await (const _message of stream) if (over.signal.aborted) return;
  })().catch(() => {});
}

it('300 machines share a /24: late ones take the addresses of those idle longest, never of a connected one, and none is held twice', async () => {
  const server = await startTestServer({ settings: ['networkAddr: 10.66.0.0/24'] });
  const { join } = await callUnary(server.admin, 'createToken', CreateTokenRequest.fromPartial({ unboundedUses: true, expireMs: 3_600_000 }));
  const connected: Member[] = [];
  const made: Member[] = [];
  const joinOne = async (i: number): Promise<void> => {
    const member = await server.join(join);
    made.push(member);
    if (i % STAYS !== 0) return;
    stayConnected(server, member);
    connected.push(member);
    await until(async () => (await callUnary(server.control(member), 'checkConnState', { token: '' })).connState === 1, 'the stream to count');
  };
  for (let i = 0; i < MACHINES; i += 6) await Promise.all(Array.from({ length: 6 }, (_, k) => joinOne(i + k)));

  const { nodes } = await callUnary(server.admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: 1_000 }));
  const members = nodes.filter((node) => !node.reserved);
  expect(members).toHaveLength(ADDRESSES);
  expect(new Set(members.map((node) => node.bindIp)).size).toBe(ADDRESSES);
  const byId = new Map(members.map((node) => [node.id, node]));
  for (const member of connected) expect(byId.get(member.nodeId)).toMatchObject({ bindIp: member.bindIp, state: NodeState.NODE_STATE_INIT });
  // Whoever is gone was there before everybody idle who is still in: the longest idle went first.
  const gone = made.flatMap((member, i) => (byId.has(member.nodeId) ? [] : [i]));
  const idleStill = made.flatMap((member, i) => (byId.has(member.nodeId) && !connected.includes(member) ? [i] : []));
  expect(gone).toHaveLength(MACHINES - ADDRESSES);
  // Six register at a time, so their order is known to within six.
  expect(Math.max(...gone)).toBeLessThan(Math.min(...idleStill) + 6);
}, 240_000);
