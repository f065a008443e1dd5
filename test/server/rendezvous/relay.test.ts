import { expect, it } from 'vitest';
import type { Session } from '../../../src/platform/wireguard/protocol/session.js';
import { aPing, changed } from '../../support/ip-packets.js';
import { aRendezvous, NETWORK, type TestRendezvous, type TestRendezvousOptions } from '../../support/rendezvous.js';
import { until } from '../../support/until.js';
import { forgedInitiation } from '../../support/wireguard-initiator.js';
import type { WireguardNode } from '../../support/wireguard-node.js';

/** An IP packet as far as nodes care here. */
const LETTER = Buffer.from('sixteen letters.');

it('carries packets of two nodes both ways and shows none of them', async () => {
  const { lab, a, b, toA, toB } = await aPair();

  a.transmit(toB.seal(LETTER));
  await until(() => hasLetter(b));
  b.transmit(toA.seal(LETTER));

  await until(() => hasLetter(a));
  expect([...a.arrived, ...b.arrived].some((message) => message.includes(LETTER))).toBe(false);
  // Initiation, response, the keepalive that confirms, and two letters.
  expect(lab.rendezvous.stats()).toMatchObject({ relayedPackets: 5, relayedBytes: 148 + 92 + 32 + 48 + 48, relayedPairs: 1 });
});

it('relays nothing for somebody who has no session with the controller', async () => {
  const lab = await aRendezvous();
  const [a, b] = [await lab.node(2), await lab.node(3)];
  await b.connect(lab.rendezvous.publicKey);

  a.transmit(a.initiation(b.publicKey));

  await a.settle();
  expect(lab.rendezvous.stats()).toMatchObject({ relayedPackets: 0, droppedByReason: { source_unknown: 1 } });
});

it('relays nothing to a node of another network', async () => {
  const lab = await aRendezvous();
  lab.rendezvous.setNetwork({ ...NETWORK, name: 'other' });
  const [a, b] = [await lab.node(2), await lab.node(3, { network: 'other' })];
  await Promise.all([a, b].map((node) => node.connect(lab.rendezvous.publicKey)));

  a.transmit(a.initiation(b.publicKey));

  await a.settle();
  expect(lab.rendezvous.stats()).toMatchObject({ relayedPackets: 0, droppedByReason: { unaddressed: 1 } });
});

it('relays nothing where nodes shall not reach each other, and stops when that is decided', async () => {
  const { lab, a, b, toB } = await aPair();

  lab.rendezvous.setNetwork({ ...NETWORK, interconnection: false });
  a.transmit(toB.seal(LETTER));
  a.transmit(a.initiation(b.publicKey));

  await a.settle();
  expect(hasLetter(b)).toBe(false);
  expect(lab.rendezvous.stats()).toMatchObject({ relayedPairs: 0, droppedByReason: { session_unknown: 1, unaddressed: 1 } });
});

it.each(['node-2', 'node-3'])('stops at once when %s of the two is removed', async (gone) => {
  const { lab, a, b, toA, toB } = await aPair();

  lab.rendezvous.removePeer(gone);
  a.transmit(toB.seal(LETTER));
  b.transmit(toA.seal(LETTER));

  await a.settle();
  await b.settle();
  expect([hasLetter(a), hasLetter(b)]).toEqual([false, false]);
  expect(lab.rendezvous.stats()).toMatchObject({ relayedPairs: 0, droppedByReason: { session_unknown: 2 } });
});

it('does not carry packets of a pair for anybody else', async () => {
  const { lab, b, toB } = await aPair();
  const [member, stranger] = [await lab.node(4), await lab.stranger()];
  await member.connect(lab.rendezvous.publicKey);

  member.transmit(toB.seal(LETTER));
  stranger.transmit(toB.seal(LETTER));

  await member.settle();
  await stranger.settle();
  expect(hasLetter(b)).toBe(false);
  expect(lab.rendezvous.stats().droppedByReason.source_unknown).toBe(2);
});

it('follows a node that moved once its session with the controller has shown it', async () => {
  const { lab, a, b, toA, toB } = await aPair();
  const toController = await a.connect(lab.rendezvous.publicKey);
  await a.settle();
  await a.move();

  a.transmit(toB.seal(LETTER));
  await a.settle();
  const before = hasLetter(b);
  a.transmit(toController.seal());
  a.transmit(toB.seal(LETTER));
  await until(() => hasLetter(b));
  b.transmit(toA.seal(LETTER));

  await until(() => hasLetter(a));
  expect(before).toBe(false);
});

it('asks a node through its tunnel whether it is where its relayed packets come from', async () => {
  const { lab, a, b, toB } = await aPair();
  const toController = await a.connect(lab.rendezvous.publicKey);
  await a.settle();
  await a.move();
  const known = a.packets.length;

  for (let i = 0; i < 5; i++) a.transmit(toB.seal(LETTER));
  await a.settle();
  const tooShort = a.packets.length;
  for (let i = 0; i < 5; i++) a.transmit(toB.seal(Buffer.alloc(32)));
  await until(() => a.packets.length > known);
  await a.settle();
  const asked = a.packets.slice(known).map((packet) => packet.readUInt8(20));
  a.transmit(toController.seal(changed(aPing('10.66.0.2', '10.66.0.1'), 20, 0)));
  a.transmit(toB.seal(LETTER));

  await until(() => hasLetter(b));
  expect(tooShort).toBe(known);
  expect(asked).toEqual([8]);
  expect(lab.rendezvous.endpointOf('node-2')).toBe(a.endpoint);
});

it('sends a stranger who names a known index no more than he sends, and once a second', async () => {
  const { lab, toB } = await aPair();
  const stranger = await lab.stranger();

  for (let i = 0; i < 20; i++) stranger.transmit(toB.seal(Buffer.alloc(32)));

  await stranger.settle();
  expect(stranger.arrived.map((message) => message.length)).toEqual([64]);
});

it('lets nobody divert the packets of others by announcing their index', async () => {
  const { lab, a, b, toA } = await aPair();
  const thief = await lab.node(4);
  await thief.connect(lab.rendezvous.publicKey);
  const index = toA.seal().readUInt32LE(4);
  const initiation = thief.initiation(b.publicKey);
  // The index is outside what mac1 leaves checkable for a relay, so the thief makes the message anew with it.
  const { message } = thief.begin(b.publicKey, index);

  thief.transmit(message);
  await thief.settle();
  b.transmit(toA.seal(LETTER));

  await until(() => hasLetter(a));
  expect(initiation.readUInt32LE(4)).not.toBe(index);
  expect(lab.rendezvous.stats().droppedByReason.index_taken).toBe(1);
});

it('lets nobody take a session with the controller away by announcing its index', async () => {
  const { lab, b } = await aPair();
  const thief = await lab.node(4);
  await thief.connect(lab.rendezvous.publicKey);
  const session = await b.connect(lab.rendezvous.publicKey);
  await b.settle();
  const seen = b.packets.length;

  thief.transmit(thief.begin(b.publicKey, session.seal().readUInt32LE(4)).message);
  await thief.settle();
  b.transmit(session.seal());

  await until(() => b.packets.length > seen);
});

it('keeps an established session when others flood initiations in the name of its node', async () => {
  const { a, b, toA, toB } = await aPair();

  for (let i = 0; i < 40; i++) a.transmit(forgedInitiation(a.keys, b.publicKey, i));
  await a.settle();
  a.transmit(toB.seal(LETTER));
  b.transmit(toA.seal(LETTER));

  await until(() => hasLetter(a) && hasLetter(b));
});

it('forgets an initiation that nobody answers, and a session that is over', async () => {
  const { lab } = await aPair();

  lab.clock.advance(150_000);
  const before = lab.rendezvous.stats().relayedPairs;
  lab.clock.advance(60_000);

  expect(before).toBe(1);
  expect(lab.rendezvous.stats().relayedPairs).toBe(0);
});

it('bounds what a pair may carry and what a node may send', async () => {
  const byPair = await aPair({ limits: { relayBytesPerSecondPerPair: 1000 } });
  const bySource = await aPair({ limits: { relayPacketsPerSecondPerSource: 10 } });

  for (const { a, toB } of [byPair, bySource]) {
    for (let i = 0; i < 40; i++) a.transmit(toB.seal(LETTER));
    await a.settle();
  }

  expect(byPair.lab.rendezvous.stats().relayedBytes).toBeLessThanOrEqual(1000);
  expect(byPair.lab.rendezvous.stats().droppedByReason.rate_pair).toBeGreaterThan(0);
  expect(bySource.lab.rendezvous.stats().relayedPackets).toBe(11); // ten of the one node, and the other's response
  expect(bySource.lab.rendezvous.stats().droppedByReason.rate_source).toBeGreaterThan(0);
});

it('bounds how many peers are tried for initiations that fit none', async () => {
  const lab = await aRendezvous({ limits: { relayTrialsPerSecondPerSource: 3 } });
  const [a, b] = [await lab.node(2), await lab.node(3)];
  await Promise.all([a, b].map((node) => node.connect(lab.rendezvous.publicKey)));
  await until(() => lab.handshakes.length === 2);
  const stranger = await lab.stranger();

  for (let i = 0; i < 5; i++) a.transmit(a.initiation(stranger.publicKey));

  await a.settle();
  expect(lab.rendezvous.stats().droppedByReason).toMatchObject({ unaddressed: 3, rate_trials: 2 });
});

it('finds in few trials whom a node begins with, one peer after the other', async () => {
  const lab = await aRendezvous({ limits: { relayTrialsPerSecondPerSource: 130, handshakesPerSecond: 1000 } });
  const nodes = await Promise.all(Array.from({ length: 41 }, (_, i) => lab.node(i + 100)));
  await Promise.all(nodes.map((node) => node.connect(lab.rendezvous.publicKey)));
  await until(() => lab.handshakes.length === nodes.length);
  const [first, ...others] = nodes;

  const begun = others.filter((_, i) => i % 2 === 1);
  for (const peer of begun) await first!.connect(peer.publicKey);

  // From the beginning every time it would take 210 trials.
  expect(lab.rendezvous.stats()).toMatchObject({ relayedPairs: 20, droppedByReason: { rate_trials: 0 } });
});

it('passes a cookie reply back to who began', async () => {
  const lab = await aRendezvous();
  const [a, b] = [await lab.node(2), await lab.node(3)];
  await Promise.all([a, b].map((node) => node.connect(lab.rendezvous.publicKey)));
  await until(() => lab.handshakes.length === 2);
  const reply = Buffer.alloc(64, 7);
  const initiation = a.initiation(b.publicKey);
  reply.writeUInt32LE(3, 0);
  reply.writeUInt32LE(initiation.readUInt32LE(4), 4);

  a.transmit(initiation);
  await until(() => b.arrived.some((message) => message.equals(initiation)));
  a.arrived.length = 0;
  a.receivesCookies = false;
  b.transmit(reply);

  await until(() => a.arrived.some((message) => message.equals(reply)));
});

interface Pair {
  readonly lab: TestRendezvous;
  readonly a: WireguardNode;
  readonly b: WireguardNode;
  /** What b sends to a with, and a to b. */
  readonly toA: Session;
  readonly toB: Session;
}

/** Two nodes that have completed a handshake through the relay. */
async function aPair(options: TestRendezvousOptions = {}): Promise<Pair> {
  const lab = await aRendezvous(options);
  const [a, b] = [await lab.node(2), await lab.node(3)];
  await Promise.all([a, b].map((node) => node.connect(lab.rendezvous.publicKey)));
  await until(() => lab.handshakes.length === 2);
  const toB = await a.connect(b.publicKey);
  const toA = b.session!;
  await a.settle();
  return { lab, a, b, toA, toB };
}

function hasLetter(node: WireguardNode): boolean {
  return node.packets.some((packet) => packet.equals(LETTER));
}
