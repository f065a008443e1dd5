import { beforeEach, describe, expect, it } from 'vitest';
import { MapStore, type PeerTrust } from '../../src/client/map-store.js';
import { DomainError } from '../../src/domain/errors.js';
import { MapDelta, MapSnapshot } from '../../src/gen/networkcontroller/v1/node.js';
import type { TrustBundle } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { ManualClock } from '../support/clock.js';

const clock = new ManualClock();
const NETWORK = { name: 'default', cidr: '10.66.0.0/24' };
/** Node ids whose certificates do not verify, and until when those of others do. */
let forged: Set<string>;
let untilMs: number;
let bundles: number[];
/** Whose certificates were looked at. */
let judged: string[];

beforeEach(() => {
  forged = new Set();
  untilMs = Infinity;
  bundles = [1];
  judged = [];
});

describe('the map keeps what it has when', () => {
  it('a snapshot breaks off in the middle', () => {
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n2', 'n3']));

    map.applySnapshot(MapSnapshot.fromPartial({ epoch: 'e1', revision: 9n, network: NETWORK, peers: [peer('n4')] }));
    map.beginStream();
    map.applyDelta(delta(6n, { $case: 'peer', value: peer('n5') }));

    expect(idsOf(map)).toEqual(['n2', 'n3', 'n5']);
  });

  it('a snapshot is older than what was applied', () => {
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n2', 'n3']));

    expect(map.applySnapshot(aSnapshot(4n, ['n2']))).toBe(false);
    expect(idsOf(map)).toEqual(['n2', 'n3']);
  });

  it('a snapshot has no network settings', () => {
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n2']));

    expect(map.applySnapshot(MapSnapshot.fromPartial({ epoch: 'e1', revision: 6n, last: true }))).toBe(false);
    expect(idsOf(map)).toEqual(['n2']);
  });

  it.each([5n, 4n])('a delta of revision %s comes again', (revision) => {
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n2']));

    expect(map.applyDelta(delta(revision, { $case: 'peerRemoved', value: 'n2' }))).toBe(false);
    expect(idsOf(map)).toEqual(['n2']);
  });

  it('a delta comes before any snapshot', () => {
    const map = aStore();

    expect(map.applyDelta(delta(5n, { $case: 'peer', value: peer('n2') }))).toBe(false);
    expect(map.current()).toBeUndefined();
    expect(map.position()).toEqual({ epoch: '', revision: 0n });
  });
});

describe('a peer is no part of the map', () => {
  it('when its certificate does not verify, and is listed with the reason', () => {
    forged.add('n3');
    const map = aStore();

    map.applySnapshot(aSnapshot(5n, ['n2', 'n3']));

    expect(idsOf(map)).toEqual(['n2']);
    expect(map.current()?.refused).toEqual([{ peer: expect.objectContaining({ nodeId: 'n3' }), reason: 'n3 is forged' }]);
  });

  it('when a delta swaps its certificate for one that does not verify', () => {
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n2']));
    forged.add('n2');

    map.applyDelta(delta(6n, { $case: 'peer', value: peer('n2') }));

    expect(idsOf(map)).toEqual([]);
  });

  it('when its certificate has ended since', () => {
    untilMs = clock.now() + 1000;
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n2']));
    expect(map.reverify()).toBe(false);

    clock.advance(1000);
    forged.add('n2');

    expect(map.reverify()).toBe(true);
    expect(idsOf(map)).toEqual([]);
  });

  it('when it is this node itself', () => {
    const map = aStore();

    map.applySnapshot(aSnapshot(5n, ['n1', 'n2']));
    map.applyDelta(delta(6n, { $case: 'peer', value: { ...peer('n1'), name: 'renamed' } }));

    expect(idsOf(map)).toEqual(['n2']);
    expect(map.current()?.self?.name).toBe('renamed');
  });
});

describe('the map', () => {
  it('puts the chunks of a snapshot together and lets it replace everything', () => {
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n9']));

    expect(map.applySnapshot(MapSnapshot.fromPartial({ epoch: 'e2', revision: 2n, network: NETWORK, peers: [peer('n2')] }))).toBe(false);
    expect(idsOf(map)).toEqual(['n9']);
    expect(map.applySnapshot(MapSnapshot.fromPartial({ epoch: 'e2', revision: 2n, peers: [peer('n3')], last: true }))).toBe(true);

    expect(idsOf(map)).toEqual(['n2', 'n3']);
    expect(map.position()).toEqual({ epoch: 'e2', revision: 2n });
  });

  it('follows deltas and progress', () => {
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n2']));

    map.applyDelta(delta(6n, { $case: 'peer', value: peer('n3') }, { $case: 'peerRemoved', value: 'n2' }));
    map.applyDelta(delta(8n, { $case: 'service', value: { id: 's1', name: 'registry' } }));
    map.applyDelta(delta(9n, { $case: 'controlEndpoints', value: { addresses: ['c2:6440'] } }));
    map.applyProgress(12n);

    expect(idsOf(map)).toEqual(['n3']);
    expect(map.current()).toMatchObject({ revision: 12n, services: [{ id: 's1' }], controlEndpoints: ['c2:6440'] });
  });

  it('believes a refused peer once a newer bundle makes it true, and ignores an older one', () => {
    forged.add('n2');
    const map = aStore();
    map.applySnapshot(aSnapshot(5n, ['n2']));
    forged.clear();

    map.applyDelta(delta(6n, { $case: 'bundle', value: { version: 1 } as TrustBundle }));
    expect(idsOf(map)).toEqual([]);
    map.applyDelta(delta(7n, { $case: 'bundle', value: { version: 2 } as TrustBundle }));

    expect(idsOf(map)).toEqual(['n2']);
  });

  it('comes back from its cached copy, verified again', () => {
    const first = aStore();
    first.applySnapshot(aSnapshot(5n, ['n2', 'n3']));
    const cached = MapSnapshot.decode(MapSnapshot.encode(first.toSnapshot()!).finish());
    forged.add('n3');

    const second = aStore();
    second.applySnapshot(cached);

    expect(second.position()).toEqual({ epoch: 'e1', revision: 5n });
    expect(idsOf(second)).toEqual(['n2']);
  });

  it('does not lose a refused peer over the cached copy, for it may become valid', () => {
    forged.add('n3');
    const first = aStore();
    first.applySnapshot(aSnapshot(5n, ['n2', 'n3']));
    const second = aStore();
    second.applySnapshot(first.toSnapshot()!);
    forged.clear();

    expect(second.reverify()).toBe(true);
    expect(idsOf(second)).toEqual(['n2', 'n3']);
  });
});

describe('of a network of thousands', () => {
  it('only what a change names is judged, and a relay when it is named', () => {
    const map = aStore();
    map.applySnapshot(MapSnapshot.fromPartial({ ...aSnapshot(5n, ['n2', 'n3']), relays: [{ name: 'r1' }] }));
    judged = [];

    map.applyDelta(delta(6n, { $case: 'peer', value: peer('n4') }));
    map.applyDelta(delta(7n, { $case: 'relay', value: { name: 'r2' } }));

    expect(judged).toEqual(['n4', 'r1', 'r2']);
    expect(map.current()!.relays.map(({ name }) => name)).toEqual(['r1', 'r2']);
  });

  it('those are known that lead to other networks, as long as they are believed', () => {
    const map = aStore();
    map.applySnapshot(MapSnapshot.fromPartial({ ...aSnapshot(5n, ['n2']), peers: [peer('n2'), { ...peer('n3'), routes: ['192.168.7.0/24'] }] }));
    const routers = () => map.current()!.routers.map(({ nodeId }) => nodeId);
    const before = routers();
    forged.add('n3');

    map.applyDelta(delta(6n, { $case: 'peer', value: { ...peer('n3'), routes: ['192.168.7.0/24'] } }));

    expect(before).toEqual(['n3']);
    expect(routers()).toEqual([]);
  });
});

function aStore(): MapStore {
  const trust: PeerTrust = {
    verify: ({ nodeId }) => {
      judged.push(nodeId);
      if (forged.has(nodeId)) throw new DomainError('certificate_invalid', `${nodeId} is forged`);
      return untilMs;
    },
    verifyRelay: ({ name }) => {
      judged.push(name);
      if (forged.has(name)) throw new DomainError('certificate_invalid', `${name} is forged`);
      return untilMs;
    },
    takeBundle: ({ version }) => {
      const newer = version > Math.max(...bundles);
      bundles.push(version);
      return newer;
    },
    takeCrl: () => true,
  };
  return new MapStore({ nodeId: 'n1', trust, clock, log: silentLog });
}

function aSnapshot(revision: bigint, ids: readonly string[]): MapSnapshot {
  return MapSnapshot.fromPartial({ epoch: 'e1', revision, network: NETWORK, peers: ids.map(peer), last: true });
}

type Change = NonNullable<MapDelta['changes'][number]['change']>;

function delta(revision: bigint, ...changes: readonly { $case: Change['$case']; value: unknown }[]): MapDelta {
  return MapDelta.fromPartial({ revision, changes: changes.map((change) => ({ change: change as Change })) });
}

function peer(nodeId: string): { nodeId: string; name: string } {
  return { nodeId, name: nodeId };
}

function idsOf(map: MapStore): string[] | undefined {
  return map.current()?.peers.map((each) => each.nodeId);
}
