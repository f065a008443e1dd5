import { duplexPair, type Duplex } from 'node:stream';
import { expect, it, onTestFinished } from 'vitest';
import { RelayLink } from '../../src/client/relay-link.js';
import { silentLog } from '../../src/platform/log.js';
import type { DeviceState } from '../../src/platform/wireguard/device.js';
import { ManualClock } from '../support/clock.js';
import { until } from '../support/until.js';

const KEY = 'relay';
const UDP = '203.0.113.10:6441';
const TCP = '203.0.113.10:6442';

it('stays on UDP where the relay answers', async () => {
  const world = aWorld();
  world.handshake();

  await world.pass(20_000);

  expect([world.link.tcpEndpoint, world.link.endpoint, world.asked]).toEqual(['', UDP, []]);
});

it('does not take silence for a wall while there is no control stream', async () => {
  const world = aWorld();

  await world.pass(20_000, { connected: false });

  expect(world.asked).toEqual([]);
});

it('stays on UDP when TCP is refused, and asks again later', async () => {
  const world = aWorld({ refuses: true });

  await world.pass(20_000);

  expect(world.link.endpoint).toBe(UDP);
  expect(world.asked.length).toBeGreaterThan(1);
});

it('takes TCP when handshakes stay unanswered, and knows its own loopback port for the relay', async () => {
  const world = aWorld();

  await world.pass(5000);

  await until(() => world.link.tcpEndpoint === TCP, 'TCP');
  expect(world.link.endpoint).toMatch(/^127\.0\.0\.1:/);
  expect([world.link.isMine(world.link.endpoint), world.link.isMine(UDP), world.link.isMine('203.0.113.99:1')]).toEqual([true, true, false]);
  expect([world.link.isLeft(UDP), world.link.isLeft(world.link.endpoint)]).toEqual([true, false]);
});

it('goes back to UDP when the connection ends', async () => {
  const world = aWorld();
  await world.pass(5000);
  await until(() => world.link.tcpEndpoint === TCP, 'TCP');

  world.connections[0]!.end();

  await until(() => world.link.tcpEndpoint === '', 'UDP');
  expect(world.link.endpoint).toBe(UDP);
});

function aWorld({ refuses = false } = {}) {
  const clock = new ManualClock();
  const asked: string[] = [];
  const connections: Duplex[] = [];
  const link = new RelayLink({
    clock,
    log: silentLog,
    openTcp: (endpoint) => {
      asked.push(endpoint);
      if (refuses) return Promise.reject(new Error('refused'));
      const [ours, theirs] = duplexPair();
      connections.push(theirs);
      return Promise.resolve(ours);
    },
    answersUdp: () => Promise.resolve(false),
    onNews: () => undefined,
  });
  onTestFinished(() => link.stop());
  link.setRelay({ publicKey: KEY, endpoints: [UDP], httpsEndpoints: [TCP] });
  link.expectAnswer();
  let latestHandshakeMs = 0;
  const seen = (): DeviceState => ({
    publicKey: 'own',
    listenPort: 4711,
    givenBytes: 0,
    peers: new Map([[KEY, { publicKey: KEY, endpoint: UDP, allowedIps: [], latestHandshakeMs, rxBytes: clock.now(), txBytes: 0, persistentKeepalive: 25 }]]),
  });
  return {
    link,
    asked,
    connections,
    handshake: () => (latestHandshakeMs = clock.now()),
    async pass(ms: number, { connected = true } = {}) {
      for (let passed = 0; passed < ms; passed += 500) {
        clock.advance(500);
        link.look(seen(), clock.now(), connected);
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}
