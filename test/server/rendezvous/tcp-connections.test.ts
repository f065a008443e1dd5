import { randomBytes } from 'node:crypto';
import { duplexPair, type Duplex } from 'node:stream';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { LoopbackPort } from '../../../src/client/loopback-port.js';
import { PacketStream } from '../../../src/platform/packet-stream.js';
import { aRendezvous, peerOf, type TestRendezvous } from '../../support/rendezvous.js';
import { until } from '../../support/until.js';
import { WireguardNode } from '../../support/wireguard-node.js';

const LETTER = Buffer.from('sixteen letters.');

it('carries packets between a node on TCP and one on UDP, and between two on TCP', async () => {
  const lab = await aRendezvous();
  const [a, b] = [await aTcpNode(lab, 2), await aTcpNode(lab, 3)];
  const c = await lab.node(4);
  for (const node of [a, b, c]) await node.connect(lab.rendezvous.publicKey);
  await until(() => lab.handshakes.length === 3);

  for (const [from, to] of [[a, b], [a, c], [c, b]] as const) {
    const session = await from.connect(to.publicKey);
    from.transmit(session.seal(LETTER));
    await until(() => to.packets.filter((packet) => packet.equals(LETTER)).length > 0, 'a letter');
  }

  expect(lab.rendezvous.stats()).toMatchObject({ tcpConnections: 2, relayedPairs: 3 });
});

it('tells nobody to send to the other end of a TCP connection', async () => {
  const lab = await aRendezvous();
  const node = await aTcpNode(lab, 2);

  await node.connect(lab.rendezvous.publicKey);

  await until(() => lab.handshakes.length === 1);
  expect(lab.endpoints).toEqual([]);
  expect(lab.rendezvous.endpointOf('node-2')).toBeUndefined();
});

it('lets no node speak over the connection of another', async () => {
  const lab = await aRendezvous();
  const connected = await aTcpNode(lab, 2);
  const other = await lab.node(3);
  const session = await other.connect(lab.rendezvous.publicKey);
  await until(() => lab.handshakes.length === 1);

  connected.transmit(other.initiation(lab.rendezvous.publicKey));
  connected.transmit(session.seal(LETTER));

  await until(() => lab.rendezvous.stats().droppedByReason.peer_foreign === 2, 'both to be dropped');
  expect(connected.arrived).toEqual([]);
  expect(lab.rendezvous.endpointOf('node-3')).toBe(other.endpoint);
});

it('follows a node from UDP to TCP and back without a new handshake', async () => {
  const lab = await aRendezvous();
  const udp = await lab.node(2);
  const session = await udp.connect(lab.rendezvous.publicKey);
  await until(() => lab.rendezvous.endpointOf('node-2'));
  const [ours, theirs] = duplexPair();
  lab.rendezvous.carry({ nodeId: 'node-2', address: '127.0.0.1', port: 1, stream: theirs });
  const overTcp: Buffer[] = [];
  const packets = new PacketStream(ours, { onPacket: (packet) => overTcp.push(packet), onEnd: () => undefined });

  packets.send(session.seal());
  await until(() => overTcp.length > 0, 'an answer over TCP');
  expect(lab.rendezvous.endpointOf('node-2')).toBeUndefined();
  udp.transmit(session.seal());

  await until(() => lab.rendezvous.endpointOf('node-2') === udp.endpoint, 'the node to be on UDP again');
});

it('sends nothing to a connection that is over, and ends that of a node that is removed', async () => {
  const lab = await aRendezvous();
  const [a, b] = [await aTcpNode(lab, 2), await lab.node(3)];
  for (const node of [a, b]) await node.connect(lab.rendezvous.publicKey);
  await until(() => lab.handshakes.length === 2);

  lab.rendezvous.removePeer('node-2');
  lab.rendezvous.setPeer(peerOf(a, 2));
  b.transmit(b.initiation(a.publicKey));

  await b.settle();
  expect(lab.rendezvous.stats()).toMatchObject({ tcpConnections: 0, relayedPackets: 0 });
});

it('survives anything that comes over a connection, and serves the others meanwhile', async () => {
  const lab = await aRendezvous();
  const honest = await aTcpNode(lab, 3);
  await honest.connect(lab.rendezvous.publicKey);
  const attacker = await aTcpNode(lab, 2);
  let received = 0;

  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 2000 }), { minLength: 1, maxLength: 20 }), fc.boolean(), async (chunks, framedWell) => {
      const [ours, theirs] = duplexPair();
      ours.on('data', (chunk: Buffer) => (received += chunk.length)).on('error', () => undefined);
      lab.rendezvous.carry({ nodeId: 'node-2', address: '127.0.0.1', port: 1, stream: theirs });
      for (const chunk of chunks) ours.write(framedWell ? Buffer.concat([Buffer.from([chunk.length >> 8, chunk.length & 0xff]), chunk]) : chunk);
      await new Promise((resolve) => setImmediate(resolve));
      ours.destroy();
    }),
    { numRuns: 150, seed: 6442 },
  );

  expect(received).toBe(0);
  const answered = honest.packets.length;
  honest.transmit(honest.session!.seal());
  await until(() => honest.packets.length > answered, 'an honest node to be answered');
  expect(attacker.arrived).toEqual([]);
  expect(lab.errors).toEqual([]);
});

it('keeps no more than a little for a node that does not read', async () => {
  const lab = await aRendezvous();
  const [a, b] = [await lab.node(3), await aTcpNode(lab, 2)];
  for (const node of [a, b]) await node.connect(lab.rendezvous.publicKey);
  await until(() => lab.handshakes.length === 2);
  const session = await a.connect(b.publicKey);
  const [ours, theirs] = duplexPair();
  lab.rendezvous.carry({ nodeId: 'node-2', address: '127.0.0.1', port: 1, stream: theirs });
  const packets = new PacketStream(ours, { onPacket: () => undefined, onEnd: () => undefined });
  packets.send(b.begin(lab.rendezvous.publicKey, 77, Date.now() + 1000).message);
  await until(() => theirs.writableLength === 0, 'the response to be read');
  void packets;
  ours.pause();

  for (let i = 0; i < 1000; i++) a.transmit(session.seal(Buffer.alloc(1200)));
  await a.settle();

  expect(theirs.writableLength).toBeLessThan(128 * 1024);
});

/** A node whose packets take a TCP connection; `arrived` and the rest are as of any other. */
async function aTcpNode(lab: TestRendezvous, number: number): Promise<WireguardNode> {
  const port = await LoopbackPort.open();
  onTestFinished(() => port.close());
  const node = await WireguardNode.open(randomBytes(32), portOf(port.endpoint));
  lab.rendezvous.setPeer(peerOf(node, number));
  const [ours, theirs]: [Duplex, Duplex] = duplexPair();
  lab.rendezvous.carry({ nodeId: `node-${number}`, address: '127.0.0.1', port: portOf(node.endpoint), stream: theirs });
  port.carry(ours, portOf(node.endpoint), () => undefined);
  return node;
}

function portOf(endpoint: string): number {
  return Number(endpoint.split(':').at(-1));
}
