import { beforeEach, describe, expect, it } from 'vitest';
import { MapNames } from '../../src/client/map-names.js';
import { MapStore, type NetworkMap } from '../../src/client/map-store.js';
import { DomainError } from '../../src/domain/errors.js';
import { MapDelta, MapSnapshot } from '../../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig, Peer, Service } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { ManualClock } from '../support/clock.js';
import { aQuery, read } from '../support/dns.js';

const peer = (name: string, last: number): Peer => Peer.fromPartial({ nodeId: `n-${last}`, name, bindIp: `10.66.0.${last}`, bindIp6: `fd00:66::${last}` });
const service = (values: Partial<Service>): Service =>
  Service.fromPartial({ id: 'shop-db', name: 'shop', network: 'default', nodeId: 'n-6', port: 8080, protocol: 'tcp', channel: 'stable', leaseSeconds: 10, ...values });

function aMap(change: Partial<NetworkMap> = {}): NetworkMap {
  return {
    epoch: 'e',
    revision: 7n,
    network: NetworkConfig.fromPartial({ name: 'default', cidr: '10.66.0.0/24', cidr6: 'fd00:66::/64', zone: 'nc.internal' }),
    self: peer('web-1', 5),
    peers: [peer('db', 6)],
    routers: [],
    refused: [],
    services: [service({})],
    names: [],
    relays: [],
    controlEndpoints: [],
    ...change,
  };
}

let names: MapNames;
beforeEach(() => (names = new MapNames()));

/** What a program of this machine gets. */
function ask(name: string, type: Parameters<typeof aQuery>[1] = 'A') {
  const reply = names.answer(aQuery(name, type), 'udp');
  return reply.kind === 'answer' ? read(reply.message) : reply.kind;
}

describe('an answer from the map', () => {
  it('is none before the first map: every name is somebody else\'s', () => {
    expect(ask('web-1.default.nc.internal')).toBe('outside');
    expect(ask('example.com')).toBe('outside');
  });

  it.each(['example.com', 'internal', 'xnc.internal', 'nc.internal.example.com', '1.0.0.10.in-addr.arpa'])('is none for %s, which is not ours', (name) => {
    names.show(aMap());

    expect(ask(name, name.endsWith('arpa') ? 'PTR' : 'A')).toBe('outside');
  });

  it('is none for what is no query', () => {
    names.show(aMap());

    expect(names.answer(Buffer.from([1, 2, 3]), 'udp')).toEqual({ kind: 'ignore' });
    expect(names.answer(Buffer.alloc(0), 'tcp')).toEqual({ kind: 'ignore' });
  });

  it.each(['gone.default.nc.internal', 'web-1.nc.internal', 'web-1.lab.nc.internal', 'nothing.svc.nc.internal'])('says that %s does not exist', (name) => {
    names.show(aMap());

    expect(ask(name)).toMatchObject({ rcode: 'NXDOMAIN', flag_aa: true, authorities: [{ type: 'SOA' }] });
  });

  it('names no node that was refused', () => {
    names.show(aMap({ refused: [{ peer: peer('liar', 9), reason: 'forged' }] }));

    expect(ask('liar.default.nc.internal')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(ask('9.0.66.10.in-addr.arpa', 'PTR')).toMatchObject({ rcode: 'NXDOMAIN' });
  });

  it('names no instance of a service that is withheld', () => {
    names.show(aMap({ services: [service({}), service({ id: 'shop-web-1', nodeId: 'n-5', withheld: 'its health check fails' })] }));

    expect(ask('shop.svc.nc.internal')).toMatchObject({ answers: [{ data: '10.66.0.6' }] });
    expect(ask('_shop._tcp.svc.nc.internal', 'SRV')).toMatchObject({ answers: { length: 1 } });
  });

  it('has this node, its peers, and services at either\'s address', () => {
    names.show(aMap({ services: [service({}), service({ id: 'shop-far', address: '192.0.2.7' })] }));

    expect(ask('web-1.default.nc.internal')).toMatchObject({ answers: [{ data: '10.66.0.5' }] });
    expect(ask('db.default.nc.internal', 'AAAA')).toMatchObject({ answers: [{ data: 'fd00:66::6' }] });
    expect(ask('6.0.66.10.in-addr.arpa', 'PTR')).toMatchObject({ answers: [{ data: 'db.default.nc.internal' }] });
    expect(answersOf('shop.svc.nc.internal')).toEqual(['10.66.0.6', '192.0.2.7']);
  });

  it('is the node\'s own where the map has no peers yet', () => {
    names.show(aMap({ peers: [], services: [] }));

    expect(ask('web-1.default.nc.internal')).toMatchObject({ answers: [{ data: '10.66.0.5' }] });
    expect(ask('db.default.nc.internal')).toMatchObject({ rcode: 'NXDOMAIN' });
  });

  it('says that names outside may be asked for here', () => {
    names.show(aMap());

    expect(ask('web-1.default.nc.internal')).toMatchObject({ flag_ra: true, flag_rd: true });
  });

  it('is that of the newest map, not one that was given before', () => {
    names.show(aMap());
    ask('db.default.nc.internal');
    ask('gone.default.nc.internal');

    names.show(aMap({ revision: 8n, peers: [peer('gone', 6)] }));

    expect(ask('db.default.nc.internal')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(ask('gone.default.nc.internal')).toMatchObject({ answers: [{ data: '10.66.0.6' }] });
    expect(ask('db.default.nc.internal')).toMatchObject({ authorities: [{ type: 'SOA', data: { serial: 8 } }] });
  });

  it('follows the network to another zone', () => {
    names.show(aMap());
    names.show(aMap({ network: NetworkConfig.fromPartial({ name: 'lab', cidr: '10.66.0.0/24', zone: 'corp.example' }) }));

    expect(ask('db.default.nc.internal')).toBe('outside');
    expect(ask('db.lab.corp.example')).toMatchObject({ answers: [{ data: '10.66.0.6' }] });
  });
});

describe('a change of the map', () => {
  type Change = NonNullable<MapDelta['changes'][number]['change']>;

  /** A network that is shown, was asked of, and is then changed. */
  function follow(...changes: { $case: Change['$case']; value: unknown }[]): void {
    const trust = { verify: ({ name }: Peer) => until(name), verifyRelay: () => Infinity, takeBundle: () => true, takeCrl: () => true };
    const maps = new MapStore({ nodeId: 'n-5', trust, clock: new ManualClock(), log: silentLog });
    const { network, self, peers, services } = aMap();
    maps.applySnapshot(MapSnapshot.fromPartial({ epoch: 'e', revision: 1n, network, self: self!, peers: [...peers], services: [...services], last: true }));
    names.show(maps.current()!);
    let revision = 1n;
    for (const change of changes) {
      ask('db.default.nc.internal');
      const delta = MapDelta.fromPartial({ revision: ++revision, changes: [{ change: change as Change }] });
      maps.applyDelta(delta);
      names.show(maps.current()!, delta);
      expect(told(names), change.$case).toEqual(told(fresh(maps.current()!)));
    }
  }

  const until = (name: string): number => {
    if (name === 'liar') throw new DomainError('certificate_invalid', 'forged');
    return Infinity;
  };
  const fresh = (map: NetworkMap): MapNames => {
    const made = new MapNames();
    made.show(map);
    return made;
  };
  /** Every answer that the tests below may change. */
  const told = (of: MapNames): unknown[] =>
    [...['web-1', 'db', 'new', 'liar', 'other'].map((name) => [name, 'A']), ...['shop.svc.nc.internal', 'www.nc.internal'].map((name) => [name, 'A']), ['_shop._tcp.svc.nc.internal', 'SRV'], ['10.66.0.6', 'PTR'], ['10.66.0.9', 'PTR'], ['nc.internal', 'SOA']]
      .map(([name = '', type = 'A']) => {
        const { rcode, answers } = of.resolve({ name, type });
        return [name, rcode, ...answers.toSorted()];
      });

  it.each([
    ['a node that comes', { $case: 'peer', value: peer('new', 9) }],
    ['a node that changes its name', { $case: 'peer', value: peer('other', 6) }],
    ['this node under another name', { $case: 'peer', value: peer('other', 5) }],
    ['a node that is not believed, and was before', { $case: 'peer', value: peer('liar', 6) }],
    ['a node that goes, with the address of its service', { $case: 'peerRemoved', value: 'n-6' }],
    ['a service that comes', { $case: 'service', value: service({ id: 'shop-web', nodeId: 'n-5' }) }],
    ['a service that is withheld', { $case: 'service', value: service({ withheld: 'sick' }) }],
    ['a service that goes', { $case: 'serviceRemoved', value: 'shop-db' }],
    ['a name of the admins\'', { $case: 'names', value: { key: 'k', name: 'www.nc.internal', records: [{ id: 'r', type: 'A', value: '192.0.2.1', ttlSeconds: 60 }] } }],
    ['the network\'s own settings', { $case: 'network', value: NetworkConfig.fromPartial({ name: 'default', cidr: '10.66.0.0/16', zone: 'nc.internal' }) }],
    ['a list of what is revoked, after which all are judged again', { $case: 'crl', value: Buffer.from('crl') }],
    ['a relay, which has no name', { $case: 'relay', value: { name: 'r' } }],
  ] as const)('is answered like a map made anew: %s', (_what, change) => {
    follow(change);
  });

  it('is answered like a map made anew, after many others', () => {
    const some = <T,>(from: readonly T[]): T => from[Math.floor(Math.random() * from.length)]!;
    const make: readonly (() => { $case: Change['$case']; value: unknown })[] = [
      () => ({ $case: 'peer', value: peer(some(['new', 'db', 'liar', 'other']), some([6, 7, 8, 9])) }),
      () => ({ $case: 'peerRemoved', value: `n-${some([6, 7, 8, 9])}` }),
      () => ({ $case: 'service', value: service({ id: some(['shop-db', 'shop-b']), nodeId: `n-${some([5, 6, 9])}`, withheld: some(['', '', 'sick']) }) }),
      () => ({ $case: 'serviceRemoved', value: some(['shop-db', 'shop-b']) }),
    ];

    follow(...Array.from({ length: 200 }, () => some(make)()));
  });
});

/** The addresses of a name, sorted: each answer begins with another. */
function answersOf(name: string): string[] {
  const answer = ask(name);
  return typeof answer === 'string' ? [] : (answer.answers ?? []).map((record) => (record.type === 'A' ? record.data : record.type)).sort();
}

describe('what "nc-client resolve" is told', () => {
  const resolve = (name: string, type = 'A') => names.resolve({ name, type });

  it('is a refusal before the first map', () => {
    expect(() => resolve('web-1')).toThrow(expect.objectContaining({ code: 'unavailable' }));
  });

  it('is a refusal for a name outside of the zone, and for what is no name', () => {
    names.show(aMap());

    expect(() => resolve('example.com')).toThrow(expect.objectContaining({ code: 'node_unknown', message: expect.stringContaining('nc.internal') }));
    expect(() => resolve('a..b')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
    expect(() => resolve('')).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('has neither answers nor a life for a name that does not exist', () => {
    names.show(aMap());

    expect(resolve('gone')).toEqual({ rcode: 'NXDOMAIN', answers: [], ttlSeconds: 0 });
  });

  it('takes a node\'s bare name, and an address for PTR', () => {
    names.show(aMap());

    expect(resolve('db').answers).toEqual(['10.66.0.6']);
    expect(resolve('10.66.0.6', 'PTR').answers).toEqual(['db.default.nc.internal.']);
    expect(resolve('fd00:66::6', 'PTR').answers).toEqual(['db.default.nc.internal.']);
  });

  it('is in the words of a zone file', () => {
    names.show(aMap({ services: [service({ priority: 1, weight: 20 })] }));

    expect(resolve('_shop._tcp.svc.nc.internal', 'SRV').answers).toEqual(['1 20 8080 shop-db.shop.stable.svc.nc.internal.']);
    expect(resolve('nc.internal', 'SOA').answers).toMatchObject([expect.stringMatching(/^\S+\. \S+\. 7( \d+){4}$/)]);
  });
});
