import { expect, it } from 'vitest';
import type { PeerStatus } from '../../src/gen/networkcontroller/v1/agent.js';
import { PathKind } from '../../src/gen/networkcontroller/v1/types.js';
import { LabCluster, type LabNode } from '../support/lab-cluster.js';
import { describeLab } from '../support/lab-vitest.js';
import { until } from '../support/until.js';

const LIMIT_MS = 400_000;
/** Ends a wait that would hang, sooner than the test itself is ended. */
const WAIT_MS = 120_000;

const BLOCKED = 'UDP does not get through to the relay; its packets go over TCP now';
const OPEN_AGAIN = 'UDP gets through to the relay again';

/** Of the machine itself, in both directions, except over loopback and inside the tunnel. */
const DROP_UDP = `table inet cut {
  chain in {
    type filter hook input priority 0
    iifname != { "lo", "nc0" } meta l4proto udp drop
  }
  chain out {
    type filter hook output priority 0
    oifname != { "lo", "nc0" } meta l4proto udp drop
  }
}
`;

describeLab('where UDP is dropped', () => {
  it.each([{ cut: [0] }, { cut: [0, 1] }])('packets of nodes with the numbers $cut take TCP, and UDP again when it is back', { timeout: LIMIT_MS }, async ({ cut }) => {
    const { cluster, nodes } = await aPair();
    const walled = cut.map((index) => nodes[index]!);

    const cutAtMs = Date.now();
    for (const { name } of walled) await cluster.lab.nft(name, DROP_UDP);
    await reaches(cluster, nodes[0], nodes[1]);
    const trafficMs = Date.now() - cutAtMs;
    for (const node of walled) await until(() => says(node, BLOCKED), `${node.name} to be on TCP`, WAIT_MS);
    const tcp = await until(async () => (await peerOf(walled[0]!)).overTcp && peerOf(walled[0]!), 'the path over TCP', WAIT_MS);

    const mendedAtMs = Date.now();
    for (const { name } of walled) await cluster.lab.nft(name, 'delete table inet cut');
    for (const node of walled) await until(() => says(node, OPEN_AGAIN), `${node.name} to be on UDP again`, WAIT_MS);
    const udpMs = Date.now() - mendedAtMs;
    await reaches(cluster, nodes[0], nodes[1]);

    console.info(`UDP cut on ${walled.map(({ name }) => name).join(' and ')}: traffic again after ${trafficMs} ms, on UDP again ${udpMs} ms after the cut ended`);
    expect(tcp).toMatchObject({ path: PathKind.PATH_KIND_RELAY, endpoint: '203.0.113.10:6442' });
    expect((await peerOf(walled[0]!)).overTcp).toBe(false);
  });

  it('a node comes up that has no UDP from the beginning', { timeout: LIMIT_MS }, async () => {
    const { cluster, nodes } = await aPair();
    const [walled, other] = nodes;
    await walled.agent!.stop('SIGINT');
    await cluster.lab.nft(walled.name, DROP_UDP);

    const beganMs = Date.now();
    cluster.startAgent(walled);
    await until(() => walled.status().then(() => true, () => false), 'the agent', WAIT_MS);
    await reaches(cluster, walled, other);

    console.info(`a node without UDP: reached another ${Date.now() - beganMs} ms after its program was started`);
    await until(async () => (await peerOf(walled)).overTcp, 'the status to say so', WAIT_MS);
    expect(await peerOf(walled)).toMatchObject({ path: PathKind.PATH_KIND_RELAY });
    expect((await peerOf(other)).overTcp).toBe(false);
  });
});

async function aPair(): Promise<{ cluster: LabCluster; nodes: readonly [LabNode, LabNode] }> {
  const cluster = await LabCluster.start(['n1', 'n2']);
  const nodes = cluster.nodes as unknown as readonly [LabNode, LabNode];
  for (const node of nodes) await until(() => node.status().then(({ tunnelUp }) => tunnelUp, () => false), 'the tunnels', WAIT_MS);
  await reaches(cluster, ...nodes);
  return { cluster, nodes };
}

async function reaches({ lab }: LabCluster, from: LabNode, to: LabNode): Promise<void> {
  await until(async () => (await lab.ping(from.name, to.address, { waitSeconds: 0.3 })).received > 0, `${to.name} to answer ${from.name}`, WAIT_MS);
}

/** What a node's agent says of the only other node. */
async function peerOf(node: LabNode): Promise<PeerStatus> {
  return (await node.status()).peers[0]!;
}

function says(node: LabNode, sentence: string): boolean {
  return node.log().some(({ message }) => message === sentence);
}
