import fc from 'fast-check';
import { expect, it } from 'vitest';
import { mac1For, writeMac1 } from '../../../src/platform/wireguard/protocol/mac.js';
import { aRendezvous, type TestRendezvous } from '../../support/rendezvous.js';
import { until } from '../../support/until.js';
import type { WireguardNode } from '../../support/wireguard-node.js';

/** Enough to meet every branch, little enough for every run; a failure prints what to repeat it with. */
const RUNS = { numRuns: 150, seed: 25519 };

const TYPES = [0, 1, 2, 3, 4, 5, 0x01000000, 0xffffffff];
const LENGTHS = [0, 1, 3, 4, 7, 16, 31, 32, 33, 60, 63, 64, 65, 91, 92, 93, 147, 148, 149, 1500];

/** Bytes that begin and measure like WireGuard's messages. */
const lookalike = fc
  .record({ type: fc.constantFrom(...TYPES), length: fc.constantFrom(...LENGTHS), body: fc.uint8Array({ minLength: 1500, maxLength: 1500 }) })
  .map(({ type, length, body }) => {
    const datagram = Buffer.from(body);
    datagram.writeUInt32LE(type, 0);
    return datagram.subarray(0, length);
  });

it('answers no lookalike, from a stranger or from a node\'s own address', async () => {
  const lab = await aRendezvous();
  const [node, stranger] = [await lab.node(2), await lab.stranger()];
  await node.connect(lab.rendezvous.publicKey);
  await node.settle();
  const before = node.arrived.length;

  await fc.assert(
    fc.asyncProperty(fc.array(lookalike, { minLength: 1, maxLength: 20 }), async (datagrams) => {
      for (const datagram of datagrams) [node, stranger].forEach((each) => each.transmit(datagram));
      await node.settle();
      await stranger.settle();
      expect([node.arrived.length, stranger.arrived.length]).toEqual([before, 0]);
    }),
    RUNS,
  );

  await expectUnharmed(lab, node);
});

it('answers no message of a node that has a bit flipped, is cut short or is repeated', async () => {
  const lab = await aRendezvous({ limits: { handshakesPerSecondPerPeer: 1e6, handshakesPerSecond: 1e6 } });
  const [a, b, stranger] = [await lab.node(2), await lab.node(3), await lab.stranger()];
  for (const node of [a, b]) await node.connect(lab.rendezvous.publicKey);
  await until(() => lab.handshakes.length === 2);
  await a.connect(b.publicKey);
  const toController = await a.connect(lab.rendezvous.publicKey);
  await a.settle();
  const used = [a.initiation(lab.rendezvous.publicKey), toController.seal(), toController.seal(Buffer.alloc(64))];
  for (const message of used) a.transmit(message);
  await a.settle();
  const before = a.arrived.length;
  const fresh = [a.initiation(lab.rendezvous.publicKey, Date.now() + 60_000), toController.seal(), toController.seal(Buffer.alloc(64))];
  // A mac2 that nobody asked for is not looked at, so a flip there does not make a message another.
  const bits = fresh.map((message, i) => (i === 0 ? message.length - 16 : message.length) * 8);

  await fc.assert(
    fc.asyncProperty(fc.nat(2), fc.nat(), fc.nat(), async (which, flip, cut) => {
      const message = Buffer.from(fresh[which]!);
      const bit = flip % bits[which]!;
      message.writeUInt8(message.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      for (const datagram of [message, fresh[which]!.subarray(0, cut % fresh[which]!.length), used[which]!]) {
        a.transmit(datagram);
        stranger.transmit(datagram);
      }
      await a.settle();
      await stranger.settle();
      expect([a.arrived.length, stranger.arrived.length]).toEqual([before, 0]);
    }),
    RUNS,
  );

  expect(lab.rendezvous.endpointOf('node-2')).toBe(a.endpoint);
  await expectUnharmed(lab, a);
});

it('refuses an ephemeral key that shares no secret', async () => {
  const lab = await aRendezvous();
  const node = await lab.node(2);
  const initiation = node.initiation(lab.rendezvous.publicKey);
  initiation.fill(0, 8, 40);
  writeMac1(mac1For(lab.rendezvous.publicKey), initiation);

  node.transmit(initiation);

  await node.settle();
  expect(node.arrived).toEqual([]);
  expect(lab.rendezvous.stats().droppedByReason.handshake_forged).toBe(1);
  expect(lab.errors).toEqual([]);
});

it('sends strangers no more bytes than they send', async () => {
  const lab = await aRendezvous({ limits: { handshakesPerSecond: 10 } });
  const stranger = await lab.stranger();
  const guess = fc.oneof(
    lookalike,
    fc.constant(null).map(() => stranger.initiation(lab.rendezvous.publicKey)),
    fc.uint8Array({ minLength: 12, maxLength: 60 }).map(stunRequest),
  );

  await fc.assert(
    fc.asyncProperty(fc.array(guess, { minLength: 1, maxLength: 20 }), async (datagrams) => {
      const before = stranger.bytesReceived;
      for (const datagram of datagrams) stranger.transmit(datagram);
      await stranger.settle();
      const sent = datagrams.reduce((sum, datagram) => sum + datagram.length, 0);
      expect(stranger.bytesReceived - before).toBeLessThanOrEqual(sent + SETTLE_REPLY_BYTES);
    }),
    RUNS,
  );
});

/** Of STUN's answer over IPv4. */
const SETTLE_REPLY_BYTES = 32;

function stunRequest(rest: Uint8Array): Buffer {
  const request = Buffer.concat([Buffer.alloc(8), rest]);
  request.writeUInt16BE(1, 0);
  request.writeUInt16BE(request.length - 20, 2);
  request.writeUInt32BE(0x2112a442, 4);
  return request;
}

async function expectUnharmed(lab: TestRendezvous, node: WireguardNode): Promise<void> {
  const session = await node.connect(lab.rendezvous.publicKey);
  const seen = node.packets.length;
  node.transmit(session.seal());
  await until(() => node.packets.length > seen, 'an answered keepalive');
  expect(lab.errors).toEqual([]);
}
