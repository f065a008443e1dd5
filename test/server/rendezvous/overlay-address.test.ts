import { expect, it } from 'vitest';
import { internetChecksum, parseIpPacket, pseudoHeader, type IpPacket } from '../../../src/server/rendezvous/ip-packet.js';
import type { QuerySource } from '../../../src/server/rendezvous/rendezvous.js';
import type { Session } from '../../../src/platform/wireguard/protocol/session.js';
import { aDatagram, aPing, changed } from '../../support/ip-packets.js';
import { aRendezvous, NETWORK, type TestRendezvous, type TestRendezvousOptions } from '../../support/rendezvous.js';
import { until } from '../../support/until.js';
import type { WireguardNode } from '../../support/wireguard-node.js';

it('answers ping over IPv4 with the same data and a right checksum', async () => {
  const { ask } = await aTunnel();

  const reply = await ask(aPing('10.66.0.2', '10.66.0.1'));

  expect([...reply.source, ...reply.destination]).toEqual([10, 66, 0, 1, 10, 66, 0, 2]);
  expect(reply.payload.toString('latin1')).toMatch(/^\x00\x00..\x12\x34\x00\x07ping!$/s);
  expect(internetChecksum(reply.payload)).toBe(0);
});

it('answers ping over IPv6 with the same data and a right checksum', async () => {
  const { ask } = await aTunnel();

  const reply = await ask(aPing('fd00:66::2', 'fd00:66::1'));

  expect(reply.payload.toString('latin1')).toMatch(/^\x81\x00..\x12\x34\x00\x07ping!$/s);
  expect(internetChecksum(pseudoHeader(reply), reply.payload)).toBe(0);
});

it.each([
  ['10.66.0.2', '10.66.0.1'],
  ['fd00:66::2', 'fd00:66::1'],
])('passes a DNS query from %s on with its authenticated sender and brings the answer back', async (source, destination) => {
  const asked: { query: string; from: QuerySource }[] = [];
  const { ask } = await aTunnel({
    onDnsQuery: (query, from) => {
      asked.push({ query: Buffer.from(query).toString(), from });
      return Promise.resolve(Buffer.from('an answer'));
    },
  });

  const reply = await ask(aDatagram(source, destination, Buffer.from('a query')));

  expect(asked).toEqual([{ query: 'a query', from: { nodeId: 'node-2', network: 'default', address: source, maxAnswerBytes: 1232 } }]);
  expect([reply.payload.readUInt16BE(0), reply.payload.readUInt16BE(2)]).toEqual([53, 40_000]);
  expect(reply.payload.subarray(8).toString()).toBe('an answer');
  expect(internetChecksum(pseudoHeader(reply), reply.payload)).toBe(0);
});

it.each([
  ['the address of another node', aPing('10.66.0.3', '10.66.0.1')],
  ['the address of the controller', aPing('10.66.0.1', '10.66.0.1')],
  ['an address outside', aPing('192.0.2.1', '10.66.0.1')],
  ['the IPv6 address of another node', aPing('fd00:66::3', 'fd00:66::1')],
  ['a DNS query of another node', aDatagram('10.66.0.3', '10.66.0.1', Buffer.from('a query'))],
])('drops what claims to come from %s', async (_claim, packet) => {
  await expectDropped(packet, 'source_spoofed');
});

it.each([
  ['a ping to another node', aPing('10.66.0.2', '10.66.0.3')],
  ['another message of ICMP', changed(aPing('10.66.0.2', '10.66.0.1'), 20, 13)],
  ['ICMP of the other IP version', changed(aPing('10.66.0.2', '10.66.0.1'), 9, 58)],
  ['a datagram to another port', aDatagram('10.66.0.2', '10.66.0.1', Buffer.from('x'), { from: 1, to: 54 })],
  ['TCP', changed(aPing('10.66.0.2', '10.66.0.1'), 9, 6)],
])('serves nothing else: %s', async (_what, packet) => {
  await expectDropped(packet, 'not_served');
});

it.each([
  ['first', changed(aPing('10.66.0.2', '10.66.0.1'), 6, 0x20)],
  ['later', changed(aPing('10.66.0.2', '10.66.0.1'), 7, 8)],
  ['IPv6', changed(aPing('fd00:66::2', 'fd00:66::1'), 6, 44)],
])('drops a %s fragment', async (_which, packet) => {
  await expectDropped(packet, 'fragment');
});

it.each([
  ['no IP', Buffer.from('sixteen letters.')],
  ['a length beyond its end', changed(aPing('10.66.0.2', '10.66.0.1'), 2, 0xff)],
  ['a length shorter than its header', changed(changed(aPing('10.66.0.2', '10.66.0.1'), 2, 0), 3, 19)],
  ['a header shorter than any', changed(aPing('10.66.0.2', '10.66.0.1'), 0, 0x44)],
  ['an IPv6 length beyond its end', changed(aPing('fd00:66::2', 'fd00:66::1'), 4, 0xff)],
  ['a truncated ping', truncatedPing()],
  ['a UDP length beyond its end', changed(aDatagram('10.66.0.2', '10.66.0.1', Buffer.from('x')), 24, 0xff)],
  ['a UDP length shorter than its header', changed(aDatagram('10.66.0.2', '10.66.0.1', Buffer.from('x')), 25, 7)],
])('drops a packet with %s', async (_fault, packet) => {
  await expectDropped(packet, 'malformed');
});

it('answers under a node\'s new address as soon as it has one, and no more under the old', async () => {
  const { lab, node, session, ask } = await aTunnel();

  lab.rendezvous.setPeer({ nodeId: 'node-2', network: NETWORK.name, wgPublicKey: node.publicKey, bindIp: '10.66.0.9', bindIp6: '' });
  node.transmit(session.seal(aPing('10.66.0.2', '10.66.0.1')));
  const reply = await ask(aPing('10.66.0.9', '10.66.0.1'));

  expect(reply.destination.readUInt8(3)).toBe(9);
  expect(lab.rendezvous.stats().droppedByReason.source_spoofed).toBe(1);
});

it('goes on when a query fails or its answer is too long, and says so in the log', async () => {
  const answers = [Buffer.alloc(1233), undefined, Buffer.from('fine')];
  const failing = [new Error('no zone')];
  const { lab, node, session, ask } = await aTunnel({
    onDnsQuery: () => {
      const failure = failing.shift();
      return failure === undefined ? Promise.resolve(answers.shift()) : Promise.reject(failure);
    },
  });
  const query = aDatagram('10.66.0.2', '10.66.0.1', Buffer.from('a query'));

  for (let i = 0; i < 3; i++) node.transmit(session.seal(query));
  const reply = await ask(query);

  expect(reply.payload.subarray(8).toString()).toBe('fine');
  expect(lab.errors.map(({ message }) => message)).toEqual(['DNS query through the tunnel failed', 'DNS answer too long for the tunnel']);
});

it('lets a node have only so many queries waiting', async () => {
  let asked = 0;
  const { lab, node, session } = await aTunnel({
    limits: { pendingQueriesPerPeer: 3 },
    onDnsQuery: () => new Promise(() => asked++),
  });

  for (let i = 0; i < 10; i++) node.transmit(session.seal(aDatagram('10.66.0.2', '10.66.0.1', Buffer.from('a query'))));

  await node.settle();
  expect(asked).toBe(3);
  expect(lab.rendezvous.stats().droppedByReason.query_rate).toBe(7);
});

it('lets a node ask again once it has its answer', async () => {
  const { node, session } = await aTunnel({ limits: { pendingQueriesPerPeer: 1 }, onDnsQuery: () => Promise.resolve(Buffer.from('fine')) });
  const answers = (): number => node.packets.filter((each) => each.length > 0).length;

  for (let asked = 1; asked <= 3; asked++) {
    node.transmit(session.seal(aDatagram('10.66.0.2', '10.66.0.1', Buffer.from('a query'))));
    await until(() => answers() === asked, `answer ${asked}`);
  }
});

it('is silent in a network that it does not know yet', async () => {
  const lab = await aRendezvous();
  const node = await lab.node(2, { network: 'later' });
  const session = await node.connect(lab.rendezvous.publicKey);

  node.transmit(session.seal(aPing('10.66.0.2', '10.66.0.1')));

  await node.settle();
  expect(lab.rendezvous.stats().droppedByReason.not_served).toBe(1);
});

interface Tunnel {
  readonly lab: TestRendezvous;
  readonly node: WireguardNode;
  readonly session: Session;
  /** Sends a packet and waits for the next that comes back. */
  ask(packet: Buffer): Promise<IpPacket>;
}

async function aTunnel(options: TestRendezvousOptions = {}): Promise<Tunnel> {
  const lab = await aRendezvous(options);
  const node = await lab.node(2);
  const session = await node.connect(lab.rendezvous.publicKey);
  const ask = async (packet: Buffer): Promise<IpPacket> => {
    node.transmit(session.seal(packet));
    const reply = parseIpPacket(await until(() => node.packets.find((each) => each.length > 0), 'an answer'));
    if (typeof reply === 'string') throw new Error(reply);
    return reply;
  };
  return { lab, node, session, ask };
}

async function expectDropped(packet: Buffer, reason: 'source_spoofed' | 'not_served' | 'fragment' | 'malformed'): Promise<void> {
  const { lab, node, session } = await aTunnel();

  node.transmit(session.seal(packet));

  await node.settle();
  expect(node.packets.filter((each) => each.length > 0)).toEqual([]);
  expect(lab.rendezvous.stats()).toMatchObject({ droppedPackets: 1, droppedByReason: { [reason]: 1 } });
  expect(lab.errors).toEqual([]);
}

/** A packet whose own length says that its ping has seven bytes. */
function truncatedPing(): Buffer {
  return changed(changed(aPing('10.66.0.2', '10.66.0.1'), 2, 0), 3, 27);
}
