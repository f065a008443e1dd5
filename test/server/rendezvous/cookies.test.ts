import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { hchacha20 } from '../../../src/server/rendezvous/xchacha20.js';
import { aRendezvous } from '../../support/rendezvous.js';
import { until } from '../../support/until.js';
import { forgedInitiation } from '../../support/wireguard-initiator.js';

/** What a flood has to get past in these tests. */
const LIMITS = { handshakesPerSecond: 20, handshakesPerSecondPerAddress: 5 };

it('derives the inner key as the draft\'s vector has it', () => {
  const key = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
  const nonce = Buffer.from('000000090000004a0000000031415927', 'hex');

  expect(hchacha20(key, nonce).toString('hex')).toBe('82413b4227b27bfed30e42508a877d73a0f9e4d58a74a853c12ec41326d3ecdc');
});

it('asks for a cookie in a flood, and serves whoever brings it', async () => {
  const { rendezvous, node, stranger, handshakes } = await aRendezvous({ limits: LIMITS });
  const [one, flooder] = [await node(2), await stranger()];

  for (let i = 0; i < 400; i++) flooder.transmit(forgedInitiation(flooder.keys, Buffer.from(rendezvous.publicKey), i));
  await flooder.settle();
  one.transmit(one.initiation(rendezvous.publicKey));
  await until(() => one.cookie);
  const before = one.session;
  await one.connect(rendezvous.publicKey);

  await until(() => handshakes.length === 1);
  expect(before).toBeUndefined();
  const { droppedByReason } = rendezvous.stats();
  expect(droppedByReason.peer_unknown + droppedByReason.handshake_forged).toBeLessThanOrEqual(20);
  expect(droppedByReason.cookie_asked).toBe(400 - 20 + 1);
});

it('sends fewer bytes into a flood than come out of it', async () => {
  const { rendezvous, stranger } = await aRendezvous({ limits: LIMITS });
  const flooder = await stranger();

  for (let i = 0; i < 100; i++) flooder.transmit(forgedInitiation(flooder.keys, Buffer.from(rendezvous.publicKey), i));

  await flooder.settle();
  const bytes = flooder.arrived.reduce((sum, message) => sum + message.length, 0);
  expect(bytes).toBe(80 * 64);
  expect(bytes).toBeLessThan(100 * 148);
});

it('takes a cookie from the address only that it was sent to', async () => {
  const { rendezvous, node, stranger } = await aRendezvous({ limits: { handshakesPerSecond: 0 } });
  const [one, thief] = [await node(2), await stranger()];
  one.transmit(one.initiation(rendezvous.publicKey));
  await until(() => one.cookie);

  thief.transmit(one.initiation(rendezvous.publicKey));

  await until(() => thief.arrived.length > 0);
  expect(thief.arrived.map((message) => message.readUInt8(0))).toEqual([3]);
});

it('takes no cookie that is older than two minutes', async () => {
  const { rendezvous, node, clock } = await aRendezvous({ limits: { handshakesPerSecond: 0 } });
  const one = await node(2);
  one.transmit(one.initiation(rendezvous.publicKey));
  const stale = await until(() => one.cookie);
  clock.advance(120_000);
  one.receivesCookies = false;

  one.transmit(one.initiation(rendezvous.publicKey));

  await one.settle();
  expect(one.cookie).toBe(stale);
  expect(one.session).toBeUndefined();
  expect(rendezvous.stats().droppedByReason.cookie_asked).toBe(2);
});

it('bounds what one address may ask even with cookies', async () => {
  const { rendezvous, stranger } = await aRendezvous({ limits: { ...LIMITS, handshakesPerSecond: 0 } });
  const flooder = await stranger();
  flooder.transmit(flooder.initiation(rendezvous.publicKey));
  await until(() => flooder.cookie);

  for (let i = 0; i < 20; i++) flooder.transmit(flooder.initiation(rendezvous.publicKey));

  await flooder.settle();
  expect(rendezvous.stats().droppedByReason).toMatchObject({ cookie_asked: 1, peer_unknown: 5, handshake_rate: 15 });
});

it('asks for no cookie once the flood is over', async () => {
  const { rendezvous, node, stranger, clock } = await aRendezvous({ limits: LIMITS });
  const [one, flooder] = [await node(2), await stranger()];
  for (let i = 0; i < 60; i++) flooder.transmit(forgedInitiation(flooder.keys, Buffer.from(rendezvous.publicKey), i));
  await flooder.settle();

  clock.advance(1000);
  await one.connect(rendezvous.publicKey);

  expect(one.cookie).toBeUndefined();
});

it('keeps established sessions free of the flood', async () => {
  const { rendezvous, node, stranger } = await aRendezvous({ limits: LIMITS });
  const [one, flooder] = [await node(2), await stranger()];
  const session = await one.connect(rendezvous.publicKey);
  await until(() => one.packets.length === 1);

  for (let i = 0; i < 200; i++) flooder.transmit(i % 2 ? randomBytes(148) : forgedInitiation(flooder.keys, Buffer.from(rendezvous.publicKey), i));
  one.transmit(session.seal());

  await until(() => one.packets.length === 2);
});
