import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { aRendezvous, peerOf } from '../../support/rendezvous.js';
import { until } from '../../support/until.js';

it('learns the endpoint of a node that completes a handshake', async () => {
  const { rendezvous, endpoints, handshakes, clock, node } = await aRendezvous();
  const one = await node(2);

  await one.connect(rendezvous.publicKey);

  await until(() => handshakes.length > 0);
  expect(handshakes).toEqual(['node-2']);
  expect(endpoints).toEqual([`node-2 ${one.endpoint}`]);
  expect(rendezvous.endpointOf('node-2')).toBe(one.endpoint);
  expect(rendezvous.lastHandshakeMs('node-2')).toBe(clock.now());
});

it('keeps silent to a key that is nobody\'s', async () => {
  const { rendezvous, stranger, endpoints } = await aRendezvous();
  const nobody = await stranger();

  nobody.transmit(nobody.initiation(rendezvous.publicKey));

  await nobody.settle();
  expect(nobody.arrived).toEqual([]);
  expect(endpoints).toEqual([]);
  expect(rendezvous.stats().droppedByReason.peer_unknown).toBe(1);
});

it('lets in a node that it was never told of when its key is found, and asks no second time', async () => {
  const asked: string[] = [];
  const key = { node: '' };
  const findPeer = (wgPublicKey: Buffer) => {
    asked.push(wgPublicKey.toString('hex'));
    return asked.at(-1) === key.node ? { nodeId: 'node-2', network: 'default', wgPublicKey, bindIp: '10.66.0.2', bindIp6: '' } : undefined;
  };
  const { rendezvous, stranger, endpoints, handshakes } = await aRendezvous({ findPeer });
  const [one, nobody] = [await stranger(), await stranger()];
  key.node = one.publicKey.toString('hex');

  nobody.transmit(nobody.initiation(rendezvous.publicKey));
  await nobody.settle();
  expect(rendezvous.knows('node-2')).toBe(false);
  await one.connect(rendezvous.publicKey);
  await until(() => handshakes.length === 1);
  await one.connect(rendezvous.publicKey);

  expect(asked).toEqual([nobody.publicKey.toString('hex'), one.publicKey.toString('hex')]);
  expect(nobody.arrived).toEqual([]);
  expect(endpoints).toEqual([`node-2 ${one.endpoint}`]);
  expect(rendezvous.knows('node-2')).toBe(true);
});

it('believes neither address nor handshake before the node has used the session', async () => {
  const { rendezvous, node, endpoints, handshakes } = await aRendezvous();
  const one = await node(2);

  one.transmit(one.initiation(rendezvous.publicKey));
  await until(() => one.session);
  await one.settle();

  expect(endpoints).toEqual([]);
  expect(handshakes).toEqual([]);
  expect(rendezvous.endpointOf('node-2')).toBeUndefined();
});

it('refuses an initiation that was answered before', async () => {
  const { rendezvous, node, stranger } = await aRendezvous();
  const [one, thief] = [await node(2), await stranger()];
  const initiation = one.initiation(rendezvous.publicKey);
  one.transmit(initiation);
  await until(() => one.session);

  thief.transmit(initiation);

  await thief.settle();
  expect(thief.arrived).toEqual([]);
  expect(rendezvous.stats().droppedByReason.handshake_replayed).toBe(1);
});

it('refuses an initiation older than the last one, fresh as it may look', async () => {
  const { rendezvous, node } = await aRendezvous();
  const one = await node(2);
  const older = one.initiation(rendezvous.publicKey);
  await one.connect(rendezvous.publicKey);
  const before = one.arrived.length;

  one.transmit(older);

  await one.settle();
  expect(one.arrived.slice(before).filter((message) => message.readUInt8(0) === 2)).toEqual([]);
  expect(rendezvous.stats().droppedByReason.handshake_replayed).toBe(1);
});

it('follows a node to a new address only after an authenticated packet', async () => {
  const { rendezvous, node, endpoints } = await aRendezvous();
  const one = await node(2);
  const session = await one.connect(rendezvous.publicKey);
  const old = one.endpoint;
  await one.settle();
  await one.move();
  const forged = session.seal();
  forged.writeUInt8(forged.readUInt8(20) ^ 1, 20);

  one.transmit(forged);
  await one.settle();
  const afterForged = rendezvous.endpointOf('node-2');
  one.transmit(session.seal());

  await until(() => endpoints.length > 1);
  expect(afterForged).toBe(old);
  expect(rendezvous.endpointOf('node-2')).toBe(one.endpoint);
  expect(endpoints).toEqual([`node-2 ${old}`, `node-2 ${one.endpoint}`]);
});

it('does not follow a copy of a packet that it has had', async () => {
  const { rendezvous, node, stranger } = await aRendezvous();
  const [one, thief] = [await node(2), await stranger()];
  const session = await one.connect(rendezvous.publicKey);
  const keepalive = session.seal();
  one.transmit(keepalive);
  await one.settle();

  thief.transmit(keepalive);

  await thief.settle();
  expect(thief.arrived).toEqual([]);
  expect(rendezvous.endpointOf('node-2')).toBe(one.endpoint);
  expect(rendezvous.stats().droppedByReason.packet_replayed).toBe(1);
});

it('takes nobody to be any more where another node is now', async () => {
  const { rendezvous, node } = await aRendezvous();
  const [one, two] = [await node(2), await node(3)];
  await one.connect(rendezvous.publicKey);
  await one.settle();
  const place = one.endpoint;
  await one.move();
  await two.move(Number(place.split(':')[1]));

  await two.connect(rendezvous.publicKey);

  await until(() => rendezvous.endpointOf('node-3'));
  expect(rendezvous.endpointOf('node-3')).toBe(place);
  expect(rendezvous.endpointOf('node-2')).toBeUndefined();
});

it('answers every keepalive with one', async () => {
  const { rendezvous, node } = await aRendezvous();
  const one = await node(2);
  const session = await one.connect(rendezvous.publicKey);
  await until(() => one.packets.length === 1);

  one.transmit(session.seal());

  await until(() => one.packets.length === 2);
  expect(one.packets.map((packet) => packet.length)).toEqual([0, 0]);
});

it('owes a keepalive for data that it has no answer to', async () => {
  const { rendezvous, node, clock } = await aRendezvous();
  const one = await node(2);
  const session = await one.connect(rendezvous.publicKey);
  await until(() => one.packets.length === 1);
  one.transmit(session.seal(Buffer.from('no IP packet at all')));
  await one.settle();

  clock.advance(9000);
  await one.settle();
  const early = one.packets.length;
  clock.advance(2000);

  await until(() => one.packets.length === 2);
  expect(early).toBe(1);
});

it('keeps the session before while the next is not used yet', async () => {
  const { rendezvous, node } = await aRendezvous();
  const one = await node(2);
  const first = await one.connect(rendezvous.publicKey);
  await until(() => one.packets.length === 1);
  one.transmit(one.initiation(rendezvous.publicKey));
  const second = await until(() => one.session !== first && one.session);

  one.transmit(first.seal());
  await until(() => one.packets.length === 2);
  one.transmit(second.seal());
  await until(() => one.packets.length === 3);
  one.transmit(first.seal());

  await until(() => one.packets.length === 4);
  expect(rendezvous.stats().handshakes).toBe(2);
});

it('uses no session for longer than 180 seconds and then forgets the endpoint', async () => {
  const { rendezvous, node, clock } = await aRendezvous();
  const one = await node(2);
  const session = await one.connect(rendezvous.publicKey);
  await until(() => one.packets.length === 1);
  clock.advance(179_000);
  one.transmit(session.seal());
  await until(() => one.packets.length === 2);

  clock.set(clock.now() + 1000);
  one.transmit(session.seal());
  await one.settle();
  const expired = rendezvous.stats().droppedByReason.session_expired;
  clock.advance(1000);

  expect(expired).toBe(1);
  expect(one.packets.length).toBe(2);
  expect(rendezvous.endpointOf('node-2')).toBeUndefined();
});

it('ends the session of a removed node at once and does not let it back', async () => {
  const { rendezvous, node } = await aRendezvous();
  const one = await node(2);
  const session = await one.connect(rendezvous.publicKey);
  await until(() => one.packets.length === 1);

  rendezvous.removePeer('node-2');
  one.transmit(session.seal());
  one.transmit(one.initiation(rendezvous.publicKey));

  await one.settle();
  expect(one.packets.length).toBe(1);
  expect(rendezvous.endpointOf('node-2')).toBeUndefined();
  expect(rendezvous.lastHandshakeMs('node-2')).toBe(0);
  expect(rendezvous.stats().droppedByReason).toMatchObject({ session_unknown: 1, peer_unknown: 1 });
});

it('ends the session of a node that takes another key, and keeps it when only its address changes', async () => {
  const { rendezvous, node, stranger } = await aRendezvous();
  const [one, other] = [await node(2), await stranger()];
  const session = await one.connect(rendezvous.publicKey);
  await until(() => one.packets.length === 1);

  rendezvous.setPeer(peerOf(one, 2, { bindIp: '10.66.0.99' }));
  one.transmit(session.seal());
  await until(() => one.packets.length === 2);
  rendezvous.setPeer(peerOf(other, 2));
  one.transmit(session.seal());

  await one.settle();
  expect(one.packets.length).toBe(2);
  expect(rendezvous.stats().droppedByReason.session_unknown).toBe(1);
});

it('gives a key that two nodes claim to the one set last', async () => {
  const { rendezvous, node, handshakes } = await aRendezvous();
  const one = await node(2);
  rendezvous.setPeer(peerOf(one, 3));

  await one.connect(rendezvous.publicKey);

  await until(() => handshakes.length > 0);
  expect(handshakes).toEqual(['node-3']);
});

it('takes at most so many initiations of one node', async () => {
  const { rendezvous, node } = await aRendezvous({ limits: { handshakesPerSecondPerPeer: 2 } });
  const one = await node(2);

  for (let i = 0; i < 5; i++) one.transmit(one.initiation(rendezvous.publicKey));

  await one.settle();
  expect(one.arrived.length).toBe(2);
  expect(rendezvous.stats().droppedByReason.handshake_rate).toBe(3);
});

it('serves a node over IPv6 and one over IPv4 on the same socket', async () => {
  const { rendezvous, node, endpoints } = await aRendezvous({ host: '::' });
  const [four, six] = [await node(2, { host: '127.0.0.1' }), await node(3, { host: '::1' })];

  await four.connect(rendezvous.publicKey);
  await six.connect(rendezvous.publicKey);

  await until(() => endpoints.length === 2);
  expect(endpoints).toEqual([`node-2 ${four.endpoint}`, `node-3 ${six.endpoint}`]);
  expect(six.endpoint).toMatch(/^\[::1\]:\d+$/);
});

it('refuses keys and addresses that are none, and changes nothing', async () => {
  const { rendezvous, node } = await aRendezvous();
  const one = await node(2);
  const refused = [
    peerOf(one, 2, { wgPublicKey: randomBytes(31) }),
    peerOf(one, 2, { wgPublicKey: Buffer.alloc(32) }),
    peerOf(one, 2, { bindIp: '10.66.0' }),
    peerOf(one, 2, { bindIp6: 'fd00::g' }),
  ];

  for (const peer of refused) expect(() => rendezvous.setPeer(peer)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));

  await one.connect(rendezvous.publicKey);
  await until(() => rendezvous.endpointOf('node-2'));
});
