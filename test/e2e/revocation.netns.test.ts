import { expect, it } from 'vitest';
import { callUnary } from '../../src/platform/rpc-client.js';
import { LabCluster, type LabNode } from '../support/lab-cluster.js';
import { describeLab } from '../support/lab-vitest.js';
import { until } from '../support/until.js';

/** Only ends a test that hangs. */
const LIMIT_MS = 120_000;

describeLab('in a network of real programs', () => {
  it('a revoked node loses its stream and its peers, who forget it, and nobody else loses a ping', async () => {
    const cluster = await LabCluster.start(['n1', 'n2', 'thief']);
    const [n1, n2, thief] = cluster.nodes as [LabNode, LabNode, LabNode];
    await cluster.untilDirect();
    const others = cluster.pinging(n1, n2);
    await until(() => others.answered() > 5, 'pings to be answered');

    const startMs = performance.now();
    await callUnary(cluster.admin, 'revokeNode', { node: 'thief', network: '', reason: 'stolen' });
    const answeredMs = performance.now() - startMs;
    const took = async (what: string, isSo: () => boolean | Promise<boolean>): Promise<string> => {
      await until(isSo, what, LIMIT_MS);
      return `${what} ${Math.round(performance.now() - startMs)} ms`;
    };
    const times = await Promise.all([
      took('its stream to end', () => streamsOf(cluster, thief) > 0),
      ...[n1, n2].map((node) => took(`the peer to leave ${node.name}`, async () => !(await cluster.peersOn(node)).includes(thief.wgPublicKey))),
      took('its agent to end', () => thief.agent?.isRunning === false),
    ]);

    console.log(`revoked, answered after ${Math.round(answeredMs)} ms; ${times.join(', ')} (wanted: within 2 s on a machine that is not busy)`);
    expect(thief.agent?.exitCode).not.toBe(0);
    for (const node of [n1, n2]) expect(await cluster.lab.ping(node.name, thief.address, { count: 3 })).toMatchObject({ received: 0 });
    const before = others.answered();
    await until(() => others.answered() > before + 3, 'pings of the others', LIMIT_MS);
    expect(await others.stop()).toMatchObject({ lost: 0 });
  }, LIMIT_MS * 3);

  it('a node whose agent has died leaves the others when its network certificate ends', async () => {
    const cluster = await LabCluster.start(['n1', 'n2'], { certificates: { grpc: '10s', network: '20s' } });
    const [n1, n2] = cluster.nodes as [LabNode, LabNode];
    await cluster.untilDirect();
    expect(await cluster.peersOn(n1)).toContain(n2.wgPublicKey);

    await n2.agent?.stop('SIGKILL');

    await until(async () => !(await cluster.peersOn(n1)).includes(n2.wgPublicKey), 'the peer to be removed', LIMIT_MS);
    expect((await n1.status()).peers.map(({ refused }) => refused)).toEqual([expect.stringContaining('valid from')]);
    cluster.startAgent(n2);
    await until(async () => (await cluster.peersOn(n1)).includes(n2.wgPublicKey), 'the peer to be back', LIMIT_MS);
  }, LIMIT_MS * 4);
});

/** Streams of the node that the controller has ended because of the revocation. */
function streamsOf(cluster: LabCluster, { joined }: LabNode): number {
  const ended = cluster.log().filter((line) => line['caller'] === `node:${joined.facts.nodeId}` && line['code'] === 'node_revoked');
  return ended.filter((line) => String(line['method']).endsWith('/Watch')).length;
}
