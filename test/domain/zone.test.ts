import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDnsName, reverseName } from '../../src/domain/dns-name.js';
import { Zone } from '../../src/domain/zone.js';
import type { ZoneChange } from '../../src/domain/zone-input.js';
import { aNode, aService, defaultNetwork, put } from '../support/dns.js';

function zoneOf(...changes: ZoneChange[]): Zone {
  const zone = new Zone('nc.internal');
  zone.apply({ kind: 'network', network: defaultNetwork });
  for (const change of changes) zone.apply(change);
  zone.setRevision(7n);
  return zone;
}

function ask(zone: Zone, name: string, type = 'A') {
  return zone.lookup(parseDnsName(name), type);
}

function data(zone: Zone, name: string, type = 'A') {
  return ask(zone, name, type)?.answers.map((record) => record.data);
}

function addresses(zone: Zone, name: string, type = 'A') {
  return data(zone, name, type)?.map((record) => ('address' in record ? record.address : record));
}

describe('what is not there', () => {
  it.each(['example.com', 'internal', 'nc.internal.example', 'xnc.internal', '1.0.67.10.in-addr.arpa', '10.in-addr.arpa', ''])('says nothing about %j, which is not ours', (name) => {
    expect(ask(zoneOf(put.node()), name)).toBeUndefined();
  });

  it.each([
    ['a node that does not exist', 'nobody.default.nc.internal'],
    ['a name below a node', 'a.web-1.default.nc.internal'],
    ['a network that does not exist', 'web-1.other.nc.internal'],
    ['a service that does not exist', 'nothing.svc.nc.internal'],
    ['an address that nobody has', '6.0.66.10.in-addr.arpa'],
  ])('denies the name of %s', (_, name) => {
    const answer = ask(zoneOf(put.node(), put.service()), name);

    expect(answer).toMatchObject({ rcode: 'NXDOMAIN', answers: [] });
    expect(answer?.authority[0]).toMatchObject({ data: { type: 'SOA' }, ttlSeconds: 5 });
  });

  it.each([
    ['a type that a node has not', 'web-1.default.nc.internal', 'MX'],
    ['a type unknown to us', 'web-1.default.nc.internal', 'TYPE999'],
    ['a network, which has only nodes below it', 'default.nc.internal', 'A'],
    ['svc even without services', 'svc.nc.internal', 'A'],
    ['the protocol above a service', '_tcp.svc.nc.internal', 'SRV'],
    ['the middle of an IPv6 address', '0.0.0.0.0.0.0.0.0.6.6.0.0.0.0.d.f.ip6.arpa', 'PTR'],
  ])('denies only the type for %s', (_, name, type) => {
    const answer = ask(zoneOf(put.node(), put.service()), name, type);

    expect(answer).toMatchObject({ rcode: 'NOERROR', answers: [], authority: [{ data: { type: 'SOA', serial: 7 } }] });
  });

  it('denies only AAAA for a node without IPv6', () => {
    expect(ask(zoneOf(put.node({ bindIp6: '' })), 'web-1.default.nc.internal', 'AAAA')).toMatchObject({ rcode: 'NOERROR', answers: [] });
  });

  it('names the reverse zone in the denial of a reverse name', () => {
    expect(ask(zoneOf(), '9.0.66.10.in-addr.arpa', 'PTR')?.authority[0]?.name).toBe('0.66.10.in-addr.arpa');
  });

  it('says nothing of a service whose node is not known', () => {
    const zone = zoneOf(put.service({ nodeId: 'nobody' }));

    expect(ask(zone, 'shop.svc.nc.internal')?.rcode).toBe('NXDOMAIN');
    expect(ask(zone, '_shop._tcp.svc.nc.internal', 'SRV')?.rcode).toBe('NXDOMAIN');
  });

  it('shows nothing of a service with metadata that no record can carry', () => {
    const zone = zoneOf(put.node(), put.service());

    expect(() => zone.apply(put.service({ metadata: { note: 'é'.repeat(130) } }))).toThrow('RFC 6763');
    expect(addresses(zone, 'shop.svc.nc.internal')).toEqual(['10.66.0.5']);
  });

  it('refuses a zone that is no name', () => {
    expect(() => new Zone('nc..internal')).toThrow('zone: want a domain name');
  });
});

describe('what is there', () => {
  it('finds a node by both addresses and back, in any case', () => {
    const zone = zoneOf(put.node());

    expect(addresses(zone, 'WEB-1.Default.nc.INTERNAL')).toEqual(['10.66.0.5']);
    expect(addresses(zone, 'web-1.default.nc.internal', 'AAAA')).toEqual(['fd00:66::5']);
    for (const address of ['10.66.0.5', 'fd00:66::5']) expect(data(zone, reverseName(address), 'PTR')).toEqual([{ type: 'PTR', target: 'web-1.default.nc.internal' }]);
  });

  it('finds a service by name, instance and SRV', () => {
    const zone = zoneOf(put.node(), put.service({ role: 'primary', metadata: { region: 'eu' } }));

    expect(addresses(zone, 'shop.svc.nc.internal')).toEqual(['10.66.0.5']);
    expect(addresses(zone, 'i1.shop.stable.svc.nc.internal', 'AAAA')).toEqual(['fd00:66::5']);
    expect(data(zone, 'i1.shop.stable.svc.nc.internal', 'TXT')).toEqual([{ type: 'TXT', texts: ['role=primary', 'region=eu'] }]);
    const srv = ask(zone, '_shop._tcp.svc.nc.internal', 'SRV');
    expect(srv?.answers[0]?.data).toEqual({ type: 'SRV', priority: 1, weight: 10, port: 8080, target: 'i1.shop.stable.svc.nc.internal' });
    expect(srv?.additional.map(({ data: record }) => record.type)).toEqual(['A', 'AAAA']);
  });

  it('answers a service with its own address before its node\'s', () => {
    const zone = zoneOf(put.node(), put.service({ address: 'fd00:99::1' }));

    expect(addresses(zone, 'shop.svc.nc.internal', 'AAAA')).toEqual(['fd00:99::1']);
    expect(addresses(zone, 'shop.svc.nc.internal')).toEqual([]);
  });

  it('gives one address once, however many instances have it, and all with the least TTL', () => {
    const zone = zoneOf(put.node(), put.service({ ttlSeconds: 30 }), put.service({ id: 'i2', port: 8081, ttlSeconds: 20 }));

    expect(ask(zone, 'shop.svc.nc.internal')?.answers).toEqual([{ name: 'shop.svc.nc.internal', ttlSeconds: 20, data: { type: 'A', address: '10.66.0.5' } }]);
    expect(data(zone, '_shop._tcp.svc.nc.internal', 'SRV')).toHaveLength(2);
  });

  it('has an apex with SOA and NS, and the controller as its name server', () => {
    const zone = zoneOf();

    expect(data(zone, 'nc.internal', 'SOA')).toMatchObject([{ serial: 7, primary: 'ns.nc.internal' }]);
    expect(ask(zone, '0.66.10.in-addr.arpa', 'NS')).toMatchObject({ answers: [{ data: { target: 'ns.nc.internal' } }] });
    expect([...addresses(zone, 'ns.nc.internal')!, ...addresses(zone, 'ns.nc.internal', 'AAAA')!]).toEqual(['10.66.0.1', 'fd00:66::1']);
  });

  it('counts its serial modulo 2³²', () => {
    const zone = zoneOf();

    zone.setRevision(2n ** 32n + 3n);

    expect(data(zone, 'nc.internal', 'SOA')).toMatchObject([{ serial: 3 }]);
  });
});

describe('the name of a node', () => {
  it('may be that of two for a moment, and stays with the one that is left', () => {
    const zone = zoneOf(put.node(), put.node({ id: 'node-2', bindIp: '10.66.0.9', bindIp6: '' }), put.node({ id: 'node-3', bindIp: '10.66.0.10', bindIp6: '' }));
    expect(addresses(zone, 'web-1.default.nc.internal')).toEqual(['10.66.0.5', '10.66.0.9', '10.66.0.10']);

    for (const id of ['node-1', 'node-3']) zone.apply({ kind: 'nodeRemoved', id });

    expect(addresses(zone, 'web-1.default.nc.internal')).toEqual(['10.66.0.9']);
    expect(ask(zone, reverseName('10.66.0.5'), 'PTR')?.rcode).toBe('NXDOMAIN');
    expect(data(zone, reverseName('10.66.0.9'), 'PTR')).toEqual([{ type: 'PTR', target: 'web-1.default.nc.internal' }]);
  });

  it.each([
    ['of two labels', 'a.b', 'a.b.default.nc.internal'],
    ['in upper case', 'WEB', 'web.default.nc.internal'],
    ['with an escape', 'a\\.b', 'a\\.b.default.nc.internal'],
  ])('%s is found, and gone with the node', (_, name, full) => {
    const zone = zoneOf();
    const size = zone.size;

    zone.apply(put.node({ name }));
    expect(addresses(zone, full)).toEqual(['10.66.0.5']);
    expect(data(zone, reverseName('10.66.0.5'), 'PTR')).toHaveLength(1);

    zone.apply({ kind: 'nodeRemoved', id: 'node-1' });
    expect(ask(zone, full)?.rcode).toBe('NXDOMAIN');
    expect(zone.size).toBe(size);
  });

  it('has records that were added beside its own, and names below it', () => {
    const added = (id: string, name: string, type: 'TXT' | 'A', value: string): ZoneChange => ({ kind: 'record', record: { id, name, type, value, ttlSeconds: 60 } });
    const zone = zoneOf(put.node(), added('r1', 'web-1.default.nc.internal', 'TXT', 'hello'), added('r2', '*.web-1.default.nc.internal', 'A', '192.0.2.1'));

    expect(addresses(zone, 'web-1.default.nc.internal')).toEqual(['10.66.0.5']);
    expect(data(zone, 'web-1.default.nc.internal', 'TXT')).toEqual([{ type: 'TXT', texts: ['hello'] }]);
    expect(addresses(zone, 'any.web-1.default.nc.internal')).toEqual(['192.0.2.1']);

    zone.apply({ kind: 'nodeRemoved', id: 'node-1' });
    expect(ask(zone, 'web-1.default.nc.internal')).toMatchObject({ rcode: 'NOERROR', answers: [] });
    expect(data(zone, 'web-1.default.nc.internal', 'TXT')).toHaveLength(1);
  });

  it.each(['10.66.0.256', '10.66.0', 'fd00::1::2', 'web'])('stays as it was when the node comes again with %j for an address', (bindIp) => {
    const zone = zoneOf(put.node());

    expect(() => zone.apply(put.node({ bindIp }))).toThrow('want an IPv');

    expect(addresses(zone, 'web-1.default.nc.internal')).toEqual(['10.66.0.5']);
  });
});

describe('a change', () => {
  it('of a node\'s address reaches its services', () => {
    const zone = zoneOf(put.service(), put.node());

    zone.apply(put.node({ bindIp: '10.66.0.77' }));

    expect(addresses(zone, 'shop.svc.nc.internal')).toEqual(['10.66.0.77']);
    expect(ask(zone, reverseName('10.66.0.5'), 'PTR')?.rcode).toBe('NXDOMAIN');
  });

  it('of a name leaves nothing under the old one', () => {
    const zone = zoneOf(put.node(), put.service());

    zone.apply(put.node({ name: 'renamed' }));
    zone.apply(put.service({ name: 'store', channel: 'beta' }));

    expect(ask(zone, 'web-1.default.nc.internal')?.rcode).toBe('NXDOMAIN');
    expect(ask(zone, 'stable.svc.nc.internal')?.rcode).toBe('NXDOMAIN');
    expect(addresses(zone, 'i1.store.beta.svc.nc.internal')).toEqual(['10.66.0.5']);
  });

  it('that removes a node takes its services\' answers along, and gives them back with it', () => {
    const zone = zoneOf(put.node(), put.service());

    zone.apply({ kind: 'nodeRemoved', id: 'node-1' });
    expect(ask(zone, 'shop.svc.nc.internal')?.rcode).toBe('NXDOMAIN');

    zone.apply(put.node());
    expect(addresses(zone, 'shop.svc.nc.internal')).toEqual(['10.66.0.5']);
  });

  it('of unknown things is none', () => {
    const zone = zoneOf(put.node());
    const size = zone.size;

    for (const kind of ['nodeRemoved', 'serviceRemoved'] as const) zone.apply({ kind, id: 'nobody', network: 'default' });
    zone.apply({ kind: 'networkRemoved', name: 'nowhere' });

    expect(zone.size).toBe(size);
  });

  it('of a service leaves the instance of the same id in another network alone', () => {
    const zone = zoneOf(put.service({ id: 'one', address: '192.0.2.1' }), put.service({ id: 'one', network: 'lab', address: '192.0.2.2' }));
    expect(addresses(zone, 'shop.svc.nc.internal')).toEqual(['192.0.2.1', '192.0.2.2']);

    zone.apply({ kind: 'serviceRemoved', network: 'default', id: 'one' });

    expect(addresses(zone, 'shop.svc.nc.internal')).toEqual(['192.0.2.2']);
  });

  it('that removes one of two networks keeps the reverse zone they share', () => {
    const zone = zoneOf({ kind: 'network', network: { name: 'lab', cidr: '10.77.0.0/28', cidr6: '' } }, { kind: 'network', network: { name: 'lab2', cidr: '10.77.0.16/28', cidr6: '' } });

    zone.apply({ kind: 'networkRemoved', name: 'lab' });

    expect(ask(zone, '0.77.10.in-addr.arpa', 'SOA')?.answers).toHaveLength(1);
    zone.apply({ kind: 'networkRemoved', name: 'lab2' });
    expect(ask(zone, '0.77.10.in-addr.arpa', 'SOA')).toBeUndefined();
  });

  it('and its undoing, in any order, leave the zone as it was', () => {
    const changes = fc.array(
      fc.oneof(
        fc.record({ kind: fc.constant('node' as const), node: fc.record({ id: fc.constantFrom('a', 'b'), name: fc.constantFrom('x', 'y'), bindIp: fc.constantFrom('10.66.0.8', '10.66.0.9') }) }),
        fc.record({ kind: fc.constant('service' as const), service: fc.record({ id: fc.constantFrom('s', 't'), name: fc.constantFrom('shop', 'api'), nodeId: fc.constantFrom('a', 'b') }) }),
        fc.record({ kind: fc.constantFrom('nodeRemoved' as const, 'serviceRemoved' as const), network: fc.constant('default'), id: fc.constantFrom('a', 'b', 's', 't') }),
      ),
      { maxLength: 20 },
    );
    const empty = zoneOf().size;
    fc.assert(
      fc.property(changes, (list) => {
        const zone = zoneOf();
        for (const change of list) zone.apply(change.kind === 'node' ? put.node(change.node) : change.kind === 'service' ? put.service(change.service) : change);
        for (const id of ['a', 'b', 's', 't']) for (const kind of ['nodeRemoved', 'serviceRemoved'] as const) zone.apply({ kind, id, network: 'default' });
        expect(zone.size).toBe(empty);
      }),
      { seed: 1034, numRuns: 200 },
    );
  });

  it('shows in the version, so that kept answers are given up', () => {
    const zone = zoneOf();
    const before = zone.version;

    zone.apply({ kind: 'node', node: aNode() });
    zone.apply({ kind: 'service', service: aService() });

    expect(zone.version).toBeGreaterThan(before);
  });
});
