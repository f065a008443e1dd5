import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, it, onTestFinished } from 'vitest';
import { LoopbackPort } from '../../../src/client/loopback-port.js';
import { openRelayConnection } from '../../../src/client/relay-connection.js';
import { serverName } from '../../../src/domain/certificate.js';
import { toPem } from '../../../src/platform/x509/pem.js';
import { aRendezvous } from '../../support/rendezvous.js';
import { startTestServer, type TestServer } from '../../support/server.js';
import { until } from '../../support/until.js';
import { forgedInitiation } from '../../support/wireguard-initiator.js';
import { WireguardNode } from '../../support/wireguard-node.js';

const LETTERS = 20;

/** Bounded: enough to fill every bucket many times over, over in a second or two. */
const UDP_FLOOD = 4000;
const CONNECTIONS = 60;

it('carries the letters of honest nodes through a flood of malformed, truncated, forged and replayed packets, and sends the flood no more than came', async () => {
  const lab = await aRendezvous();
  const [a, b, flooder] = [await lab.node(2), await lab.node(3), await lab.stranger()];
  for (const node of [a, b]) await node.connect(lab.rendezvous.publicKey);
  await until(() => lab.handshakes.length === 2);
  const session = await a.connect(b.publicKey);
  const replayed = [a.initiation(lab.rendezvous.publicKey), session.seal(), session.seal(Buffer.alloc(1200))];
  const forgeries = Array.from({ length: 30 }, (_, i) => forgedInitiation(flooder.keys, Buffer.from(lab.rendezvous.publicKey), i));
  const rubbish = (i: number): Buffer => {
    const forged = forgeries[i % forgeries.length]!;
    return [forged, forged.subarray(0, i % 148), Buffer.alloc(i % 1400, i), ...replayed][i % 6]!;
  };
  let flooded = 0;

  for (let i = 0; i < UDP_FLOOD; i++) {
    const packet = rubbish(i);
    flooded += packet.length;
    flooder.transmit(packet);
    if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    if (i % (UDP_FLOOD / LETTERS) === 0) a.transmit(session.seal(letter(i)));
  }
  // What a full socket has lost is sent anew, as TCP in the tunnel would.
  await until(() => {
    for (let i = 0; i < UDP_FLOOD; i += UDP_FLOOD / LETTERS) if (!has(b, letter(i))) a.transmit(session.seal(letter(i)));
    return Array.from({ length: LETTERS }, (_, i) => letter((i * UDP_FLOOD) / LETTERS)).every((each) => has(b, each));
  }, 'all letters', 60_000);

  expect(flooder.bytesReceived).toBeLessThanOrEqual(flooded);
  expect(lab.errors).toEqual([]);
});

it('carries packets over TCP while others flood the listener with what is no TLS, no HTTP, no upgrade and no certificate', async () => {
  const server = await startTestServer();
  const { node, controllerKey } = await aTcpMember(server);
  const session = await node.connect(controllerKey);
  const open = new Set<Socket>();
  onTestFinished(() => open.forEach((socket) => socket.destroy()));

  for (let i = 0; i < CONNECTIONS; i++) {
    const socket = attack(server.ports.https, i);
    open.add(socket.on('error', () => undefined).once('close', () => open.delete(socket)));
  }
  const before = node.packets.length;
  for (let i = 1; i <= LETTERS; i++) {
    node.transmit(session.seal());
    await until(() => node.packets.length >= before + i, 'an answered keepalive');
  }

  open.forEach((socket) => socket.destroy());
  await until(() => open.size === 0, 'the flood to be over');
  await aTcpMember(server);
});

/** A node that has joined, its packets on a TCP connection. */
async function aTcpMember(server: TestServer): Promise<{ node: WireguardNode; controllerKey: Buffer }> {
  const member = await server.join(await server.token());
  const identity = { certificate: toPem(member.networkCertificate), key: member.keys.network.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
  const tls = { ca: member.caPem, serverName: serverName(member.clusterId), identity };
  // Among the attackers there may be no place at once.
  const connection = await until(() => openRelayConnection(`127.0.0.1:${server.ports.https}`, tls).catch(() => undefined), 'a connection');
  const port = await LoopbackPort.open();
  onTestFinished(() => port.close());
  const node = await WireguardNode.open(member.keys.wireGuard.privateKey, portOf(port.endpoint));
  port.carry(connection, portOf(node.endpoint), () => undefined);
  return { node, controllerKey: member.network!.controller!.wgPublicKey };
}

function attack(port: number, i: number): Socket {
  const rubbish = Buffer.alloc(2000, i);
  if (i % 3 === 0) return connectTcp(port, '127.0.0.1', function (this: Socket) {
    this.write(rubbish);
  });
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
  const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: networkcontroller-relay\r\n\r\n';
  return socket.once('secureConnect', () => void socket.write(i % 3 === 1 ? Buffer.concat([Buffer.from(upgrade), rubbish]) : rubbish));
}

function letter(i: number): Buffer {
  const text = Buffer.alloc(32);
  text.write(`letter ${i}`);
  return text;
}

function has(node: WireguardNode, text: Buffer): boolean {
  return node.packets.some((packet) => packet.equals(text));
}

function portOf(endpoint: string): number {
  return Number(endpoint.split(':').at(-1));
}
