import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { bindingRequest } from '../../../src/platform/stun.js';
import { keyPairOf } from '../../../src/platform/wireguard/protocol/x25519.js';
import { startRendezvous, type RendezvousOptions } from '../../../src/server/rendezvous/start-rendezvous.js';
import { ManualClock } from '../../support/clock.js';
import { aRendezvous } from '../../support/rendezvous.js';
import { until } from '../../support/until.js';
import { WireguardNode } from '../../support/wireguard-node.js';

const SECRET = randomBytes(32);
const OPTIONS: RendezvousOptions = {
  privateKey: SECRET,
  host: '127.0.0.1',
  port: 0,
  probePort: 0,
  clock: new ManualClock(),
  log: silentLog,
  events: { onEndpoint: () => undefined, onHandshake: () => undefined, onDnsQuery: () => Promise.resolve(undefined) },
};

it.each(['port', 'probePort'] as const)('refuses a %s that another has, and leaves nothing open', async (which) => {
  const other = createSocket('udp4').bind(0, '127.0.0.1');
  await once(other, 'listening');
  const taken = other.address().port;

  const started = startRendezvous({ ...OPTIONS, [which]: taken });

  await expect(started).rejects.toMatchObject({ code: 'port_taken', message: expect.stringContaining(String(taken)) });
  other.close();
});

it('refuses an address that this machine does not have', async () => {
  const started = startRendezvous({ ...OPTIONS, host: '192.0.2.1' });

  await expect(started).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('192.0.2.1') });
});

it('refuses a key that is none without showing it', async () => {
  const short = Buffer.alloc(31, 0x5a);

  const started = startRendezvous({ ...OPTIONS, privateKey: short });

  await expect(started).rejects.toMatchObject({ code: 'invalid_argument', message: expect.not.stringMatching(/5a|ZZ|Wlpa/) });
});

it('has the public key of its private one, and two ports', async () => {
  const rendezvous = await startRendezvous(OPTIONS);

  expect(rendezvous.publicKey).toEqual(keyPairOf(SECRET).publicKey);
  expect(new Set([rendezvous.port, rendezvous.probePort, 0]).size).toBe(3);
  await rendezvous.stop();
});

it('frees its ports when it stops, however often it is told', async () => {
  const first = await startRendezvous(OPTIONS);
  await Promise.all([first.stop(), first.stop()]);

  const second = await startRendezvous({ ...OPTIONS, port: first.port, probePort: first.probePort });

  expect(second.port).toBe(first.port);
  await second.stop();
});

it('tells a sender its address on both ports', async () => {
  const { rendezvous, stranger } = await aRendezvous();
  const one = await stranger();
  const two = await WireguardNode.open(randomBytes(32), rendezvous.probePort);

  const seen = [await one.settle(), await two.settle()];

  expect(seen).toEqual([one.endpoint, two.endpoint]);
});

it('answers from the other port whom that is asked for, and nobody with more than came', async () => {
  const { rendezvous } = await aRendezvous();
  const socket = createSocket('udp4');
  onTestFinished(() => void socket.close());
  const answers: { port: number; bytes: number }[] = [];
  socket.on('message', (message, { port }) => answers.push({ port, bytes: message.length }));
  const request = bindingRequest({ otherPort: true });

  socket.send(request, rendezvous.port, '127.0.0.1');
  await until(() => answers.length === 1);
  socket.send(request, rendezvous.probePort, '127.0.0.1');
  await until(() => answers.length === 2);

  expect(answers.map(({ port }) => port)).toEqual([rendezvous.probePort, rendezvous.port]);
  for (const { bytes } of answers) expect(bytes).toBeLessThanOrEqual(request.length);
});

it('serves no WireGuard on the port for probes', async () => {
  const { rendezvous, node } = await aRendezvous();
  const known = await node(2);
  const two = await WireguardNode.open(randomBytes(32), rendezvous.probePort);

  two.transmit(known.initiation(rendezvous.publicKey));

  await two.settle();
  expect(two.arrived).toEqual([]);
  expect(rendezvous.stats().droppedByReason.malformed).toBe(1);
});
