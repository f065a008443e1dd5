import { describe, expect, it } from 'vitest';
import { DeviceUpkeep } from '../../src/client/device-upkeep.js';
import { MapStore, type NetworkMap } from '../../src/client/map-store.js';
import type { Paths } from '../../src/client/path-types.js';
import type { MapChange } from '../../src/gen/networkcontroller/v1/node.js';
import { MapSnapshot } from '../../src/gen/networkcontroller/v1/node.js';
import { Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import type { DeviceConfig } from '../../src/platform/wireguard/device.js';
import { formatWireGuardKey } from '../../src/platform/wireguard/keys.js';
import { RecordedDevice } from '../../src/platform/wireguard/recorded-device.js';
import { ManualClock } from '../support/clock.js';
import { someKeys } from '../support/lab-device.js';

describe('an interface is not amended but looked at as a whole', () => {
  it('the first time', async () => {
    const kept = await aKept();

    expect(kept.device.asked).toEqual(['set']);
  });

  it('after a failure, which may have left anything', async () => {
    const kept = await aKept();
    kept.device.failing = true;
    await kept.learn(aPeer('n4'));
    kept.device.failing = false;

    await kept.pass(1000);

    expect(kept.device.asked).toEqual(['set', 'amend', 'set']);
    expect(kept.upkeep.error).toBe('');
  });

  it('when it was lost, also while a change was on its way to it', async () => {
    const kept = await aKept();
    kept.device.onAmend = () => kept.device.lose('somebody deleted it');

    await kept.learn(aPeer('n4'));
    await kept.pass(1000);

    expect(kept.device.asked).toEqual(['set', 'amend', 'set']);
  });

  it.each([
    ['the network has changed', { $case: 'network', value: aNetwork({ mtu: 1400 }) }],
    ['a peer comes that leads to other networks', { $case: 'peer', value: aPeer('n4', { routes: ['192.168.7.0/24'] }) }],
    ['the node itself has changed', { $case: 'peer', value: aPeer('self', { routes: ['192.168.7.0/24'] }) }],
  ] as const)('when %s', async (_what, change) => {
    const kept = await aKept();

    await kept.change(change as unknown as MapChange['change']);

    expect(kept.device.asked).toEqual(['set', 'set']);
    expect(kept.shaped).toHaveLength(2);
  });

  it('once a minute, for nothing tells what somebody else has changed', async () => {
    const kept = await aKept();

    await kept.pass(60_020);
    await kept.pass(60_020);

    expect(kept.device.asked).toEqual(['set', 'set', 'set']);
  });

  it('by an agent that was stopped, or that has never had a map: never', async () => {
    const kept = await aKept();
    await kept.upkeep.stop();
    const without = await aKept({ map: false });

    await kept.pass(120_000);
    await without.pass(120_000);

    expect(kept.device.asked).toEqual(['set']);
    expect(without.device.asked).toEqual([]);
  });
});

describe('a change of peers', () => {
  it('is told to the interface, and the machine around it is left alone', async () => {
    const kept = await aKept();

    await kept.learn(aPeer('n4'));
    await kept.change({ $case: 'peerRemoved', value: 'n2' });

    expect(kept.device.asked).toEqual(['set', 'amend', 'amend']);
    expect(kept.keys()).toEqual([keyOf('n3'), keyOf('n4')]);
    expect(kept.shaped).toHaveLength(1);
    expect(kept.upkeep.appliedRevision).toBe(3n);
  });

  it('leaves the plan of every other peer the same object', async () => {
    const kept = await aKept();
    const before = kept.device.configs.at(-1)!.peers;

    await kept.learn(aPeer('n4'));

    const now = new Set(kept.device.configs.at(-1)!.peers);
    expect(before.filter((peer) => now.has(peer)).length).toBe(2);
  });

  it('tells of the peers that paths are to be found to', async () => {
    const kept = await aKept();

    await kept.learn(aPeer('n4'));

    expect(kept.paths).toEqual([['n2', 'n3'], ['n2', 'n3', 'n4']]);
  });
});

/** A device that tells how it was asked, and fails when told to. */
class AskedDevice extends RecordedDevice {
  readonly asked: string[] = [];
  failing = false;
  onAmend = (): void => {};

  override async set(config: DeviceConfig): Promise<void> {
    this.asked.push('set');
    await this.#take(config);
  }

  override async amend(config: DeviceConfig): Promise<void> {
    this.asked.push('amend');
    this.onAmend();
    await this.#take(config);
  }

  async #take(config: DeviceConfig): Promise<void> {
    if (this.failing) throw new Error('no such device');
    await super.set(config);
  }
}

interface Kept {
  readonly device: AskedDevice;
  readonly upkeep: DeviceUpkeep;
  readonly shaped: NetworkMap[];
  readonly paths: string[][];
  keys(): string[];
  learn(peer: Peer): Promise<void>;
  change(change: MapChange['change']): Promise<void>;
  pass(ms: number): Promise<void>;
}

/** An upkeep with the peers n2 and n3 configured. */
async function aKept({ map = true } = {}): Promise<Kept> {
  const clock = new ManualClock();
  const device = new AskedDevice();
  const trust = { verify: () => Infinity, verifyRelay: () => Infinity, takeBundle: () => false, takeCrl: () => false };
  const maps = new MapStore({ nodeId: 'self', trust, clock, log: silentLog });
  const [shaped, pathsTo]: [NetworkMap[], string[][]] = [[], []];
  const paths = { setPeers: (peers: readonly Peer[]) => void pathsTo.push(peers.map(({ nodeId }) => nodeId)), deviceRestored: () => {} } as unknown as Paths;
  const self = { ...someKeys(), bindIp: '10.66.0.5', bindIp6: '', listenPort: 0, mtu: 0 };
  const shape = (shown: NetworkMap): Promise<void> => Promise.resolve(void shaped.push(shown));
  const upkeep = new DeviceUpkeep({ self, maps, device, paths, lazy: undefined, clock, log: silentLog, exit: '', shape, direct: () => ({}), onListening: () => {} });
  const pass = async (ms: number): Promise<void> => {
    clock.advance(ms);
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  let revision = 1n;
  const change = async (of: MapChange['change']): Promise<void> => {
    maps.applyDelta({ revision: ++revision, changes: [{ change: of }] });
    upkeep.request();
    await pass(20);
  };
  if (map) maps.applySnapshot(MapSnapshot.fromPartial({ epoch: 'e1', revision, network: aNetwork(), peers: [aPeer('n2'), aPeer('n3')], last: true }));
  upkeep.start();
  upkeep.request();
  await pass(20);
  const keys = (): string[] => device.configs.at(-1)!.peers.map(({ publicKey }) => publicKey);
  return { device, upkeep, shaped, paths: pathsTo, keys, learn: (value) => change({ $case: 'peer', value }), change, pass };
}

function aNetwork(over: { mtu?: number } = {}) {
  return { name: 'default', cidr: '10.66.0.0/24', interconnection: true, mtu: 1280, cidr6: '', zone: '', controller: undefined, ...over };
}

function aPeer(nodeId: string, over: Partial<Peer> = {}): Peer {
  return Peer.fromPartial({ nodeId, name: nodeId, bindIp: '10.66.0.9', wgPublicKey: Buffer.alloc(32, nodeId), ...over });
}

function keyOf(nodeId: string): string {
  return formatWireGuardKey(Buffer.alloc(32, nodeId));
}
