import { describe, expect, it } from 'vitest';
import { Wakefulness } from '../../../src/client/lazy/wakefulness.js';
import { Peer } from '../../../src/gen/networkcontroller/v1/types.js';
import type { DeviceState, PeerState } from '../../../src/platform/wireguard/device.js';
import { formatWireGuardKey } from '../../../src/platform/wireguard/keys.js';

const IDLE_MS = 60_000;

describe('a peer is not woken', () => {
  it('when as many as may be are in use', () => {
    const node = aNode({ limit: 2, peers: 5 });
    node.wakes('n0', 'n1');

    expect(node.of.wake('n2', 9_000)).toEqual({ woken: false });
    expect(node.awake()).toEqual(['n0', 'n1']);
  });

  it('a second time', () => {
    const node = aNode({ limit: 2, peers: 5 });
    node.wakes('n0');

    expect(node.of.wake('n0', 1)).toEqual({ woken: false });
  });

  it('by a restart beyond the limit', () => {
    const of = new Wakefulness({ limit: 2, idleMs: IDLE_MS, awake: ['n0', 'n1', 'n2'], nowMs: 0 });

    know(of, 5);

    expect(of.awake).toEqual(['n0', 'n1']);
  });

  it('by a restart when it has left the network', () => {
    const of = new Wakefulness({ limit: 2, idleMs: IDLE_MS, awake: ['gone'], nowMs: 0 });

    know(of, 5);

    expect(of.isAwake('gone')).toBe(false);
  });
});

describe('a peer stays awake', () => {
  it('as long as data comes and goes, however little', () => {
    const node = aNode({ limit: 2, peers: 5 });
    node.wakes('n0');

    for (let ms = 15_000; ms <= 10 * IDLE_MS; ms += 15_000) expect(node.look(ms, { n0: { rx: 200 + ms, tx: 200 + ms } })).toEqual([]);
  });

  it('that only receives, as it says every ten seconds that it does', () => {
    const node = aNode({ limit: 2, peers: 5 });
    node.wakes('n0');

    for (let n = 1; n <= 40; n++) expect(node.look(n * 15_000, { n0: { rx: n * 32, tx: n * 5000 } })).toEqual([]);
  });

  it('when its counters have begun anew', () => {
    const node = aNode({ limit: 2, peers: 5 });
    node.wakes('n0');
    node.look(15_000, { n0: { rx: 10_000, tx: 10_000 } });

    expect(node.look(IDLE_MS + 10_000, { n0: { rx: 500, tx: 500 } })).toEqual([]);
  });

  it('up to the limit, whether it is in use or not', () => {
    const node = aNode({ limit: 5, peers: 5 });

    expect(node.look(100 * IDLE_MS, {})).toEqual([]);
    expect(node.awake()).toHaveLength(5);
  });
});

describe('a peer may sleep', () => {
  it('when nothing but keepalives and handshakes go', () => {
    const node = aNode({ limit: 2, peers: 5 });
    node.wakes('n0');
    const at = (ms: number) => ({ n0: { rx: 32 * Math.floor(ms / 25_000) + 92 * Math.floor(ms / 120_000), tx: 32 * Math.floor(ms / 25_000) + 148 * Math.floor(ms / 120_000), handshake: Math.floor(ms / 120_000) + 1 } });

    const idle = Array.from({ length: 20 }, (_, n) => node.look((n + 1) * 15_000, at((n + 1) * 15_000)));

    expect(idle.slice(0, 3)).toEqual([[], [], []]);
    expect(idle.slice(5).every((ids) => ids.join() === 'n0')).toBe(true);
  });

  it('that answers nothing, whatever is sent to it', () => {
    const node = aNode({ limit: 2, peers: 5 });
    node.wakes('n0');

    for (let n = 1; n < 4; n++) node.look(n * 15_000, { n0: { rx: 0, tx: n * 10_000 } });

    expect(node.look(IDLE_MS, { n0: { rx: 0, tx: 90_000 } })).toEqual(['n0']);
  });

  it('that was silent longest, for one that is wanted', () => {
    const node = aNode({ limit: 2, peers: 5 });
    node.wakes('n0', 'n1');
    node.look(12_000, { n0: { rx: 9999, tx: 9999 } });

    expect(node.of.wake('n2', 15_000)).toEqual({ woken: true, gaveWay: 'n1' });
    expect(node.awake()).toEqual(['n0', 'n2']);
  });

  it('by its own wish, also where there is room for all, until it is wanted', () => {
    const node = aNode({ limit: 5, peers: 3 });

    expect(node.of.dismiss('n1')).toBe(true);
    expect(node.of.dismiss('n1')).toBe(false);
    expect(node.awake()).toEqual(['n0', 'n2']);
    expect(node.of.wake('n1', 0)).toEqual({ woken: true });
    expect(node.awake()).toEqual(['n0', 'n1', 'n2']);
  });
});

describe('a network that grows beyond the limit', () => {
  it('leaves those awake that are configured, and newcomers asleep', () => {
    const node = aNode({ limit: 3, peers: 3 });

    know(node.of, 4);

    expect(node.awake()).toEqual(['n0', 'n1', 'n2']);
  });

  it('has all awake again only when it has become clearly smaller', () => {
    const node = aNode({ limit: 10, peers: 11 });
    const awakeOf = (count: number): number => {
      know(node.of, count);
      return somePeers(count).filter(({ nodeId }) => node.of.isAwake(nodeId)).length;
    };

    expect([awakeOf(10), awakeOf(9), awakeOf(8), awakeOf(10), awakeOf(11)]).toEqual([0, 0, 8, 10, 10]);
    expect(node.of.isAwake('n10')).toBe(false);
  });
});

interface TestedNode {
  readonly of: Wakefulness;
  awake(): string[];
  wakes(...nodeIds: string[]): void;
  look(nowMs: number, counters: Record<string, { rx: number; tx: number; handshake?: number }>): string[];
}

function aNode({ limit, peers: count }: { limit: number; peers: number }): TestedNode {
  const of = new Wakefulness({ limit, idleMs: IDLE_MS, awake: [], nowMs: 0 });
  const peers = new Map(somePeers(20).map((peer) => [peer.nodeId, peer]));
  know(of, count);
  return {
    of,
    awake: () => [...peers.keys()].slice(0, count).filter((nodeId) => of.isAwake(nodeId)),
    wakes: (...nodeIds) => {
      for (const nodeId of nodeIds) expect(of.wake(nodeId, 0).woken).toBe(true);
    },
    look: (nowMs, counters) => {
      const states = Object.entries(counters).map(([nodeId, { rx, tx, handshake = 1 }]): PeerState => {
        const publicKey = formatWireGuardKey(peers.get(nodeId)!.wgPublicKey);
        return { publicKey, allowedIps: [], latestHandshakeMs: handshake, rxBytes: rx, txBytes: tx, persistentKeepalive: 25 };
      });
      const seen: DeviceState = { publicKey: '', listenPort: 1, givenBytes: 0, peers: new Map(states.map((state) => [state.publicKey, state])) };
      return of.look(seen, (nodeId) => peers.get(nodeId), nowMs);
    },
  };
}

function know(of: Wakefulness, count: number): void {
  const peers = somePeers(count);
  of.know(peers, (nodeId) => peers.some((peer) => peer.nodeId === nodeId), 0);
}

function somePeers(count: number): Peer[] {
  return Array.from({ length: count }, (_, n) => Peer.fromPartial({ nodeId: `n${n}`, wgPublicKey: Buffer.alloc(32, n + 1) }));
}
