import { describe, expect, it } from 'vitest';
import type { PeerState } from '../../../src/platform/wireguard/device.js';
import { HoleOpener } from '../../../src/platform/wireguard/hole-opener.js';
import { parseWireGuardKey } from '../../../src/platform/wireguard/keys.js';

const state = (publicKey: string): [string, PeerState] => [publicKey, { publicKey, allowedIps: [], latestHandshakeMs: 0, rxBytes: 0, txBytes: 0, persistentKeepalive: 0 }];

describe('a hole', () => {
  it('is opened for no endpoint by doing nothing', () => {
    expect(new HoleOpener().open([])).toEqual({ send: [], remove: [] });
  });

  it('carries nobody\'s packets: its stranger has no allowed IPs', () => {
    const { send } = new HoleOpener().open(['192.0.2.1:51820']);

    expect(send).toEqual([['peer', expect.any(String), 'endpoint', '192.0.2.1:51820', 'persistent-keepalive', '25']]);
  });

  it('leaves no stranger behind: each that is made is taken away', () => {
    const { send, remove } = new HoleOpener().open(['192.0.2.1:1', '[2001:db8::1]:2', '192.0.2.1:1']);

    expect(remove).toEqual(send.map(([, key]) => ['peer', key, 'remove']));
    expect(new Set(send.map(([, key]) => key)).size).toBe(3);
  });

  it('is made with keys that WireGuard takes, new ones each time', () => {
    const opener = new HoleOpener();
    const keys = [1, 2, 3].map(() => opener.open(['192.0.2.1:1']).send[0]![1]!);

    expect(new Set(keys).size).toBe(3);
    for (const key of keys) expect(parseWireGuardKey(key)).toHaveLength(32);
  });

  it('shows no peer, whenever it was opened, and hides no real one', () => {
    const opener = new HoleOpener();
    const early = opener.open(['192.0.2.1:1']).send[0]![1]!;
    const late = opener.open(['192.0.2.2:1']).send[0]![1]!;

    const shown = opener.withoutStrangers(new Map([state('real'), state(early), state('other'), state(late)]));

    expect([...shown.keys()]).toEqual(['real', 'other']);
  });

  it('of another interface hides nothing here', () => {
    const { send } = new HoleOpener().open(['192.0.2.1:1']);
    const peers = new Map([state(send[0]![1]!)]);

    expect(new HoleOpener().withoutStrangers(peers)).toBe(peers);
  });
});
