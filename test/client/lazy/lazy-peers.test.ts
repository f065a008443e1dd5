import { describe, expect, it, onTestFinished } from 'vitest';
import { LazyPeers, type AwakePeers } from '../../../src/client/lazy/lazy-peers.js';
import { MapStore } from '../../../src/client/map-store.js';
import { planDevice } from '../../../src/client/plan.js';
import { DomainError } from '../../../src/domain/errors.js';
import { MapSnapshot, PeerSignal_Kind, type PeerSignal } from '../../../src/gen/networkcontroller/v1/node.js';
import { Peer } from '../../../src/gen/networkcontroller/v1/types.js';
import { parseHostPort } from '../../../src/domain/host-port.js';
import { silentLog } from '../../../src/platform/log.js';
import { formatWireGuardKey, wireGuardPublicKey } from '../../../src/platform/wireguard/keys.js';
import { RecordedDevice } from '../../../src/platform/wireguard/recorded-device.js';
import { ManualClock } from '../../support/clock.js';
import { aPing } from '../../support/ip-packets.js';
import { until } from '../../support/until.js';
import { WireguardNode } from '../../support/wireguard-node.js';

const IDLE_MS = 60_000;
const SECRET = Buffer.alloc(32, 7);
const NETWORK = { name: 'default', cidr: '10.66.0.0/16', cidr6: 'fd66::/64', interconnection: true };

describe('nobody is woken', () => {
  it.each(['10.66.9.9', '10.66.255.255', '192.168.7.7', '8.8.8.8', 'fd66::9', 'ff02::1'])('for a packet to %s, which is no peer', async (address) => {
    const node = await aNode();

    node.lazy.wanted(address);

    expect(node.changes).toBe(0);
  });

  it('whose certificate does not verify, by a packet or a signal', async () => {
    const node = await aNode({ forged: ['n3'] });

    node.lazy.wanted('10.66.0.3');
    node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_OFFER });

    expect(node.isAwake('n3')).toBe(false);
    expect(node.changes).toBe(0);
  });

  it('by a signal of somebody who is in no map', async () => {
    const node = await aNode();

    expect(node.lazy.heard({ nodeId: 'stranger', kind: PeerSignal_Kind.KIND_HELLO })).toBe(false);

    expect(node.changes).toBe(0);
  });

  it('by a packet that another program of this machine sends to the waker', async () => {
    const node = await aNode();
    const stranger = await node.wireguard(Buffer.alloc(32, 8));

    stranger.transmit(stranger.initiation(node.wakerKey));
    stranger.transmit(Buffer.alloc(10));
    stranger.transmit(Buffer.alloc(148, 1));
    const own = await node.wireguard(SECRET);
    await own.connect(node.wakerKey);

    expect(stranger.arrived).toEqual([]);
    expect(node.changes).toBe(0);
  });

  it('by what is no IP packet, and what goes on after a thousand of them is still seen', async () => {
    const node = await aNode();
    const own = await node.wireguard(SECRET);
    const session = await own.connect(node.wakerKey);

    for (const bytes of [Buffer.alloc(16), Buffer.alloc(32, 0x45).subarray(0, 19), Buffer.alloc(48, 0xff)]) own.transmit(session.seal(bytes));
    own.transmit(Buffer.concat([session.seal(aPing('10.66.0.5', '10.66.0.3')).subarray(0, -1), Buffer.of(0)]));
    node.clock.advance(2000);
    own.transmit(session.seal(aPing('10.66.0.5', '10.66.0.4')));

    await until(() => node.isAwake('n4'), 'n4 to wake');
    expect(node.isAwake('n3')).toBe(false);
  });
});

describe('a peer wakes', () => {
  it.each([['IPv4', '10.66.0.5', '10.66.0.3'], ['IPv6', 'fd66::5', 'fd66::3']])('when WireGuard is given a packet for its address, %s', async (_family, from, to) => {
    const node = await aNode();
    const own = await node.wireguard(SECRET);
    const session = await own.connect(node.wakerKey);

    own.transmit(session.seal(aPing(from, to)));

    await until(() => node.isAwake('n3'), 'n3 to wake');
    expect(node.remembered).toEqual(['n3']);
  });

  it('when a packet is for a network behind it', async () => {
    const node = await aNode({ routes: { n4: ['192.168.7.0/24'] } });

    node.lazy.wanted('192.168.7.7');

    expect(node.isAwake('n4')).toBe(true);
  });

  it('when it signals, and the signal goes on to the paths', async () => {
    const node = await aNode();

    expect(node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_OFFER })).toBe(false);

    expect(node.isAwake('n3')).toBe(true);
  });

  it('for another, who is told to sleep', async () => {
    const node = await aNode();
    for (const nodeId of ['n2', 'n3']) node.lazy.heard({ nodeId, kind: PeerSignal_Kind.KIND_HELLO });
    node.clock.advance(11_000);

    node.lazy.wanted('10.66.0.4');

    expect(node.isAwake('n4')).toBe(true);
    expect(node.sent).toEqual([{ nodeId: 'n2', kind: PeerSignal_Kind.KIND_SLEEP }]);
  });
});

describe('a silent peer', () => {
  it('does not sleep as long as it cannot be told', async () => {
    const node = await aNode();
    node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_HELLO });
    node.clock.advance(IDLE_MS);
    node.send = () => Promise.reject(new Error('not connected'));
    await node.lazy.look();
    node.send = () => Promise.resolve(['n3']);
    await node.lazy.look();

    expect(node.isAwake('n3')).toBe(true);
  });

  it('does not sleep when it has signalled while it was told', async () => {
    const node = await aNode();
    node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_HELLO });
    node.clock.advance(IDLE_MS);
    node.send = () => {
      node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_HELLO });
      return Promise.resolve([]);
    };

    await node.lazy.look();

    expect(node.isAwake('n3')).toBe(true);
  });

  it('sleeps once it has been told', async () => {
    const node = await aNode();
    node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_HELLO });
    node.clock.advance(IDLE_MS);

    await node.lazy.look();

    expect(node.isAwake('n3')).toBe(false);
    expect(node.sent).toEqual([{ nodeId: 'n3', kind: PeerSignal_Kind.KIND_SLEEP }]);
    expect(node.remembered).toEqual([]);
  });

  it('sleeps here too when it says that it has taken this node off its interface', async () => {
    const node = await aNode();
    node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_HELLO });

    expect(node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_SLEEP })).toBe(true);

    expect(node.isAwake('n3')).toBe(false);
    expect(node.sent).toEqual([]);
  });
});

describe('the interface', () => {
  it('has no waker as long as all peers are on it', async () => {
    const node = await aNode({ limit: 10 });

    expect(await node.lazy.choose(node.peers())).toBeUndefined();
  });

  it('has those awake with their own addresses, and the waker with all others and the networks behind them', async () => {
    const node = await aNode({ routes: { n3: ['192.168.3.0/24'], n4: ['192.168.4.0/24'] } });
    node.lazy.heard({ nodeId: 'n3', kind: PeerSignal_Kind.KIND_HELLO });

    const config = node.plan(await node.lazy.choose(node.peers()));

    expect(config.peers.map(({ allowedIps }) => allowedIps)).toEqual([
      ['10.66.0.0/16', 'fd66::/64', '192.168.4.0/24'],
      ['10.66.0.3/32', 'fd66::3/128', '192.168.3.0/24'],
    ]);
    expect(config.routes.toSorted()).toEqual(['192.168.3.0/24', '192.168.4.0/24']);
    expect(config.peers[0]).toMatchObject({ endpoint: expect.stringMatching(/^127\.0\.0\.1:\d+$/), persistentKeepalive: 0 });
  });
});

interface TestedNode {
  readonly lazy: LazyPeers;
  readonly clock: ManualClock;
  readonly wakerKey: Buffer;
  readonly changes: number;
  readonly remembered: readonly string[];
  readonly sent: { nodeId: string; kind: PeerSignal_Kind }[];
  send: (signals: readonly PeerSignal[]) => Promise<readonly string[]>;
  isAwake(nodeId: string): boolean;
  peers(): readonly Peer[];
  plan(lazy: AwakePeers | undefined): ReturnType<typeof planDevice>;
  /** Something that speaks WireGuard to the waker with this private key. */
  wireguard(secret: Buffer): Promise<WireguardNode>;
}

/** A node whose network has n2, n3 and n4, of which two may be awake and none is. */
async function aNode({ limit = 2, forged = [], routes = {} }: { limit?: number; forged?: string[]; routes?: Record<string, string[]> } = {}): Promise<TestedNode> {
  const clock = new ManualClock();
  const verify = ({ nodeId }: Peer): number => {
    if (forged.includes(nodeId)) throw new DomainError('certificate_invalid', 'forged');
    return Infinity;
  };
  const maps = new MapStore({ nodeId: 'self', trust: { verify, verifyRelay: () => Infinity, takeBundle: () => false, takeCrl: () => false }, clock, log: silentLog });
  const others = [2, 3, 4, 6].map((n) => Peer.fromPartial({ nodeId: `n${n}`, bindIp: `10.66.0.${n}`, bindIp6: `fd66::${n}`, wgPublicKey: Buffer.alloc(32, n), routes: routes[`n${n}`] ?? [] }));
  maps.applySnapshot(MapSnapshot.fromPartial({ epoch: 'e1', revision: 1n, network: NETWORK, peers: others, last: true }));
  const seen = { changes: 0, remembered: [] as readonly string[], sent: [] as { nodeId: string; kind: PeerSignal_Kind }[], send: (_: readonly PeerSignal[]): Promise<readonly string[]> => Promise.resolve([]) };
  const device = new RecordedDevice();
  const privateKey = formatWireGuardKey(SECRET);
  const lazy = new LazyPeers({
    privateKey, limit, idleMs: IDLE_MS, awake: [], maps, device, clock, log: silentLog,
    send: (signals) => {
      seen.sent.push(...signals.map(({ nodeId, kind }) => ({ nodeId, kind })));
      return seen.send(signals);
    },
    remember: (awake) => (seen.remembered = awake),
    onChanged: () => seen.changes++,
  });
  onTestFinished(() => lazy.stop());
  const peers = (): readonly Peer[] => maps.current()!.peers;
  const self = { privateKey, publicKey: formatWireGuardKey(wireGuardPublicKey(SECRET)), bindIp: '10.66.0.5', bindIp6: '', listenPort: 0, mtu: 0 };
  const plan = (awake: AwakePeers | undefined) => planDevice({ self, network: maps.current()!.network, peers: awake?.peers ?? peers(), routers: maps.current()!.routers, lazy: awake });
  const first = await lazy.choose(peers());
  await device.set(plan(first));
  const { host, port } = parseHostPort(first?.waker.endpoint ?? '127.0.0.1:1');
  return Object.assign(seen, {
    lazy, clock, peers, plan,
    wakerKey: Buffer.from(first?.waker.publicKey ?? '', 'base64'),
    isAwake: (nodeId: string) => first?.isAwake(nodeId) ?? true,
    wireguard: (secret: Buffer) => WireguardNode.open(secret, port, host),
  });
}
