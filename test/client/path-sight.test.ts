import { expect, it } from 'vitest';
import type { PathContext } from '../../src/client/path-action.js';
import { hasSession, PathSight } from '../../src/client/path-sight.js';
import type { PeerState } from '../../src/platform/wireguard/device.js';

const NOW = Date.UTC(2026, 0, 1);
const RELAY = '203.0.113.10:6441';
const DIRECT = '198.51.100.7:51820';

const context = (nowMs = NOW): PathContext => ({ nowMs, connected: true, relay: RELAY, isRelay: (endpoint) => endpoint === RELAY, distances: () => [], candidates: () => [], nat: undefined });
const peer = (change: Partial<PeerState> = {}): PeerState => ({ publicKey: 'k', endpoint: RELAY, allowedIps: [], latestHandshakeMs: NOW - 1000, rxBytes: 100, txBytes: 100, persistentKeepalive: 25, ...change });

it.each([
  ['none without a handshake', { latestHandshakeMs: 0 }, 'none'],
  ['none when the session is too old for WireGuard', { latestHandshakeMs: NOW - 180_000 }, 'none'],
  ['none without an endpoint', { endpoint: '' }, 'none'],
  ['relay at an endpoint of a relay', {}, 'relay'],
  ['direct at any other', { endpoint: DIRECT }, 'direct'],
] as const)('the path is %s', (_what, change, kind) => {
  const sight = new PathSight('n-2');

  sight.look(peer(change), context(), false);

  expect(sight.state).toMatchObject({ nodeId: 'n-2', kind });
});

it('a session ends after three minutes to the millisecond', () => {
  expect([hasSession({ latestHandshakeMs: NOW - 179_999 }, NOW), hasSession({ latestHandshakeMs: NOW - 180_000 }, NOW)]).toEqual([true, false]);
});

it('where WireGuard sends while endpoints are tried says nothing about the path', () => {
  const sight = new PathSight('n-2');
  sight.look(peer(), context(), false);

  sight.look(peer({ endpoint: DIRECT, rxBytes: 200 }), context(NOW + 20), true);

  expect(sight.state).toMatchObject({ kind: 'relay', endpoint: RELAY, rxBytes: 200 });
  expect(sight.directEndpoint).toBe('');
});

it('is heard when bytes have come, not when they have gone', () => {
  const sight = new PathSight('n-2');
  sight.look(peer(), context(), false);

  sight.look(peer({ txBytes: 900 }), context(NOW + 5000), false);
  expect(sight.heardMs).toBe(NOW);
  sight.look(peer({ rxBytes: 132 }), context(NOW + 6000), false);

  expect(sight.heardMs).toBe(NOW + 6000);
});

it('remembers since when the path is direct, through changes of the direct endpoint', () => {
  const sight = new PathSight('n-2');
  sight.look(peer(), context(), false);
  sight.look(peer({ endpoint: DIRECT }), context(NOW + 1000), false);

  sight.look(peer({ endpoint: '198.51.100.9:51820' }), context(NOW + 2000), false);

  expect([sight.directSinceMs, sight.directEndpoint]).toEqual([NOW + 1000, '198.51.100.9:51820']);
});

it('keeps the direct endpoint after the session has ended, and forgets it on the relay', () => {
  const sight = new PathSight('n-2');
  sight.look(peer({ endpoint: DIRECT }), context(), false);

  sight.look(peer({ endpoint: DIRECT, latestHandshakeMs: 0 }), context(NOW + 1000), false);
  expect(sight.directEndpoint).toBe(DIRECT);
  sight.look(peer(), context(NOW + 2000), false);

  expect(sight.directEndpoint).toBe('');
});

it('knows which session the relay has seen: the one whose handshake went over it', () => {
  const sight = new PathSight('n-2');
  sight.look(peer(), context(), false);
  expect(sight.isSessionRelayed).toBe(true);

  sight.look(peer({ endpoint: DIRECT }), context(NOW + 1000), false);
  expect(sight.isSessionRelayed).toBe(true);
  sight.look(peer({ endpoint: DIRECT, latestHandshakeMs: NOW + 120_000 }), context(NOW + 120_000), false);

  expect(sight.isSessionRelayed).toBe(false);
});

it('has no path while a session is made anew', () => {
  const sight = new PathSight('n-2');
  sight.look(peer({ endpoint: DIRECT }), context(), false);

  sight.dropSession();

  expect(sight.state.kind).toBe('none');
});
