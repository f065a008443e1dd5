import { describe, expect, it } from 'vitest';
import type { DevicePeer, PeerState } from '../../../src/platform/wireguard/device.js';
import { chunkArguments, peerChanges, peerDiff } from '../../../src/platform/wireguard/peer-diff.js';

describe('what wg is told', () => {
  it('is nothing when all is right, in whatever order allowed IPs come', () => {
    expect(peerDiff(aState({ allowedIps: ['10.1.0.0/16', '10.66.0.5/32'] }), [aPeer()])).toEqual([]);
  });

  it('leaves a live peer the endpoint it has', () => {
    expect(peerDiff(aState({ endpoint: '198.51.100.1:9' }), [aPeer()])).toEqual([]);
  });

  it('never lowers a keepalive that steering has turned on', () => {
    expect(peerDiff(aState({ persistentKeepalive: 25 }), [aPeer({ persistentKeepalive: 0 })])).toEqual([]);
  });

  it('gives an endpoint to a peer that has none', () => {
    const { endpoint: _, ...without } = aState().get('K')!;

    expect(peerDiff(new Map([['K', without]]), [aPeer()])).toEqual([['peer', 'K', 'endpoint', '203.0.113.7:1']]);
  });

  it('removes a peer that nobody wants before it adds others, which may have inherited its address', () => {
    expect(peerDiff(aState(), [aPeer({ publicKey: 'L', persistentKeepalive: 0 })])).toEqual([
      ['peer', 'K', 'remove'],
      ['peer', 'L', 'endpoint', '203.0.113.7:1', 'allowed-ips', '10.66.0.5/32,10.1.0.0/16'],
    ]);
  });

  it('replaces the allowed IPs as a whole, with none too', () => {
    expect(peerDiff(aState(), [aPeer({ allowedIps: [] })])).toEqual([['peer', 'K', 'allowed-ips', '']]);
  });
});

describe('what wg is told of a change', () => {
  const changes = (before: DevicePeer[], want: DevicePeer[]): string[][] => peerChanges(byKey(before), byKey(want));

  it('is nothing of peers that say the same, whether they are the same object or not', () => {
    const same = aPeer();

    expect(changes([same, aPeer({ publicKey: 'L' })], [same, aPeer({ publicKey: 'L' })])).toEqual([]);
  });

  it('is no endpoint for a peer that was there, which may have another by now', () => {
    expect(changes([aPeer()], [aPeer({ endpoint: '198.51.100.1:9' })])).toEqual([]);
  });

  it('is no lower keepalive', () => {
    expect(changes([aPeer()], [aPeer({ persistentKeepalive: 0 })])).toEqual([]);
  });

  it('is one peer of ten thousand', () => {
    const before = Array.from({ length: 10_000 }, (_, n) => aPeer({ publicKey: `K${n}` }));

    expect(changes(before, before.with(7, aPeer({ publicKey: 'K7', allowedIps: ['10.66.0.9/32'] })))).toEqual([['peer', 'K7', 'allowed-ips', '10.66.0.9/32']]);
  });

  it('is who goes before who comes, and may have inherited its address', () => {
    expect(changes([aPeer()], [aPeer({ publicKey: 'L' })])).toEqual([
      ['peer', 'K', 'remove'],
      ['peer', 'L', 'endpoint', '203.0.113.7:1', 'persistent-keepalive', '25', 'allowed-ips', '10.66.0.5/32,10.1.0.0/16'],
    ]);
  });
});

it('fits thousands of peers into argument lists without tearing one apart', () => {
  const lists = Array.from({ length: 3000 }, (_, n) => ['peer', `key-${n}`.padEnd(44, '='), 'allowed-ips', '10.66.0.5/32']);

  const chunks = chunkArguments(lists);

  expect(chunks.flat()).toEqual(lists.flat());
  expect(chunks.length).toBeGreaterThan(1);
  for (const chunk of chunks) {
    expect(chunk[0]).toBe('peer');
    expect(chunk.join(' ').length).toBeLessThanOrEqual(64 * 1024);
  }
  expect(chunkArguments([])).toEqual([]);
});

function byKey(peers: readonly DevicePeer[]): Map<string, DevicePeer> {
  return new Map(peers.map((peer) => [peer.publicKey, peer]));
}

function aPeer(over: Partial<DevicePeer> = {}): DevicePeer {
  return { publicKey: 'K', allowedIps: ['10.66.0.5/32', '10.1.0.0/16'], endpoint: '203.0.113.7:1', persistentKeepalive: 25, ...over };
}

function aState(over: Partial<PeerState> = {}): Map<string, PeerState> {
  const state = { ...aPeer(), latestHandshakeMs: 0, rxBytes: 0, txBytes: 0, ...over };
  return new Map([['K', state]]);
}
