import { describe, expect, it } from 'vitest';
import { parseDnsName } from '../../src/domain/dns-name.js';
import { Zone } from '../../src/domain/zone.js';
import { defaultNetwork, put } from '../support/dns.js';

let lastId = 0;

function zoneWith(...records: [name: string, type: string, value: string][]): Zone {
  const zone = new Zone('nc.internal');
  for (const change of [{ kind: 'network' as const, network: defaultNetwork }, put.node(), put.service()]) zone.apply(change);
  for (const [name, type, value] of records) add(zone, name, type, value);
  return zone;
}

function add(zone: Zone, name: string, type: string, value: string, ttlSeconds = 300): string {
  const id = `r${++lastId}`;
  zone.apply({ kind: 'record', record: { id, name, type, value, ttlSeconds } });
  return id;
}

function ask(zone: Zone, name: string, type: string) {
  const answer = zone.lookup(parseDnsName(name), type);
  return { rcode: answer?.rcode, data: answer?.answers.map((record) => record.data), names: answer?.answers.map((record) => record.name) };
}

describe('a record is refused', () => {
  it.each([
    ['outside the zone', 'www.example.com', 'A', '10.0.0.1', 'RFC 1034 §4.2'],
    ['of a type that we do not keep', 'a.nc.internal', 'NAPTR', 'x', 'RFC 1035 §3.2.2'],
    ['of the type SOA, which is ours to write', 'nc.internal', 'SOA', 'x', 'RFC 1035 §3.2.2'],
    ['with an underscore in a host\'s name', 'my_host.nc.internal', 'A', '10.0.0.1', 'RFC 1123 §2.1'],
    ['with a hyphen first', '-a.nc.internal', 'MX', '10 b.nc.internal', 'RFC 1123 §2.1'],
    ['with a dot in a label', 'a\\.b.nc.internal', 'A', '10.0.0.1', 'RFC 1123 §2.1'],
    ['with a star in the middle', 'a.*.nc.internal', 'A', '10.0.0.1', 'RFC 4592 §2.1.1'],
    ['with a label of 64 octets', `${'a'.repeat(64)}.nc.internal`, 'A', '10.0.0.1', '1 to 63'],
    ['that is an alias beside a node', 'web-1.default.nc.internal', 'CNAME', 'a.nc.internal', 'RFC 1034 §3.6.2'],
    ['that is an alias at the top', 'nc.internal', 'CNAME', 'a.example', 'RFC 1912 §2.4'],
    ['that is an alias of itself', 'a.nc.internal', 'CNAME', 'A.nc.internal.', 'RFC 1034 §3.6.2'],
    ['beside an alias', 'alias.nc.internal', 'A', '10.0.0.1', 'RFC 1034 §3.6.2'],
    ['that is a second alias', 'alias.nc.internal', 'CNAME', 'b.nc.internal', 'RFC 1034 §3.6.2'],
    ['that sends mail to an alias', 'a.nc.internal', 'MX', '10 alias.nc.internal', 'RFC 2181 §10.3'],
    ['that names an alias as name server', 'nc.internal', 'NS', 'alias.nc.internal', 'RFC 2181 §10.3'],
    ['that delegates', 'sub.nc.internal', 'NS', 'ns.example', 'RFC 1034 §4.2.2'],
    ['that is SRV without service and protocol', 'web.nc.internal', 'SRV', '1 1 80 a.nc.internal', 'RFC 2782'],
    ['with half an MX', 'a.nc.internal', 'MX', 'mail.nc.internal', 'RFC 1035 §3.3.9'],
    ['with a port above 65535', '_a._tcp.nc.internal', 'SRV', '1 1 65536 a.nc.internal', '0 to 65535'],
    ['with "no mail" that prefers', 'a.nc.internal', 'MX', '10 .', 'RFC 7505 §3'],
    ['with an unknown CAA tag', 'a.nc.internal', 'CAA', '0 allow "ca.example"', 'RFC 8659 §4.1'],
    ['with open quotes', 'a.nc.internal', 'TXT', '"open', 'closed quotes'],
    ['with a quoted string of 256 octets', 'a.nc.internal', 'TXT', `"${'x'.repeat(256)}"`, 'RFC 1035 §3.3'],
    ['with text without end', 'a.nc.internal', 'TXT', 'x'.repeat(5000), '4096'],
    ['with a malformed address', 'a.nc.internal', 'A', '10.0.0.01', 'IPv4'],
    ['with a target that no program can ask for', 'a.nc.internal', 'CNAME', 'b\\032c.example', 'RFC 1123 §2.1'],
  ])('%s, and nothing is shown of it', (_, name, type, value, rule) => {
    const zone = zoneWith(['alias.nc.internal', 'CNAME', 'web-1.default.nc.internal']);
    const size = zone.size;

    expect(() => add(zone, name, type, value)).toThrow(expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining(rule) as string }) as Error);
    expect(zone.size).toBe(size);
  });

  it.each([-1, 1.5, 2 ** 31])('with a TTL of %d', (ttlSeconds) => {
    expect(() => add(zoneWith(), 'a.nc.internal', 'A', '10.0.0.1', ttlSeconds)).toThrow('RFC 2181 §8');
  });

  it('as an alias where mail goes to, until it goes elsewhere', () => {
    const zone = zoneWith();
    const id = add(zone, 'nc.internal', 'MX', '10 mail.nc.internal');

    expect(() => add(zone, 'mail.nc.internal', 'CNAME', 'a.example')).toThrow('RFC 2181 §10.3');
    zone.apply({ kind: 'record', record: { id, name: 'nc.internal', type: 'MX', value: '10 other.nc.internal', ttlSeconds: 1 } });
    add(zone, 'mail.nc.internal', 'CNAME', 'a.example');

    expect(() => add(zone, 'other.nc.internal', 'CNAME', 'a.example')).toThrow('RFC 2181 §10.3');
  });

  it('and the one it should replace stays', () => {
    const zone = zoneWith();
    const id = add(zone, 'a.nc.internal', 'A', '10.0.0.1');

    expect(() => zone.apply({ kind: 'record', record: { id, name: 'a.nc.internal', type: 'A', value: 'x', ttlSeconds: 1 } })).toThrow();
    expect(ask(zone, 'a.nc.internal', 'A').data).toEqual([{ type: 'A', address: '10.0.0.1' }]);
  });
});

describe('a record is answered', () => {
  it.each([
    ['a.nc.internal', 'AAAA', 'FD00:0::9', { type: 'AAAA', address: 'fd00::9' }],
    ['a.nc.internal', 'MX', '10 Mail.nc.internal.', { type: 'MX', preference: 10, target: 'mail.nc.internal' }],
    ['a.nc.internal', 'MX', '0 .', { type: 'MX', preference: 0, target: '' }],
    ['_x._udp.nc.internal', 'SRV', '1 2 3 web-1.default.nc.internal', { type: 'SRV', priority: 1, weight: 2, port: 3, target: 'web-1.default.nc.internal' }],
    ['nc.internal', 'CAA', '0 issue "ca.example; account=1"', { type: 'CAA', critical: false, tag: 'issue', value: 'ca.example; account=1' }],
    ['nc.internal', 'NS', 'ns2.nc.internal', { type: 'NS', target: 'ns.nc.internal' }],
    ['a.nc.internal', 'TXT', 'v=spf1 -all', { type: 'TXT', texts: ['v=spf1 -all'] }],
    ['a.nc.internal', 'TXT', '"one \\"two\\"" "three"', { type: 'TXT', texts: ['one "two"', 'three'] }],
    ['a.nc.internal', 'TXT', 'é'.repeat(200), { type: 'TXT', texts: ['é'.repeat(127), 'é'.repeat(73)] }],
    ['77.0.66.10.in-addr.arpa', 'PTR', 'printer.nc.internal', { type: 'PTR', target: 'printer.nc.internal' }],
  ])('%s %s %s', (name, type, value, expected) => {
    expect(ask(zoneWith([name, type, value]), name, type).data).toContainEqual(expected);
  });

  it('beside the addresses of a node', () => {
    const zone = zoneWith(['web-1.default.nc.internal', 'TXT', 'rack 7'], ['web-1.default.nc.internal', 'A', '10.66.0.6']);

    expect(ask(zone, 'web-1.default.nc.internal', 'A').data).toHaveLength(2);
    expect(ask(zone, 'web-1.default.nc.internal', 'TXT').data).toHaveLength(1);
  });

  it('until it is removed', () => {
    const zone = zoneWith();
    const before = zone.size;
    const id = add(zone, 'deep.below.nc.internal', 'A', '10.0.0.1');

    zone.apply({ kind: 'recordRemoved', id });

    expect(zone.size).toBe(before);
  });

  it('anew when it moves to another name', () => {
    const zone = zoneWith();
    const id = add(zone, 'old.nc.internal', 'A', '10.0.0.1');

    zone.apply({ kind: 'record', record: { id, name: 'new.nc.internal', type: 'A', value: '10.0.0.1', ttlSeconds: 1 } });

    expect([ask(zone, 'old.nc.internal', 'A').rcode, ask(zone, 'new.nc.internal', 'A').rcode]).toEqual(['NXDOMAIN', 'NOERROR']);
  });
});

describe('an alias', () => {
  it('comes with what it leads to', () => {
    const zone = zoneWith(['www.nc.internal', 'CNAME', 'next.nc.internal'], ['next.nc.internal', 'CNAME', 'web-1.default.nc.internal']);

    expect(ask(zone, 'www.nc.internal', 'A').data?.map(({ type }) => type)).toEqual(['CNAME', 'CNAME', 'A']);
    expect(ask(zone, 'www.nc.internal', 'CNAME').data).toHaveLength(1);
  });

  it('of nothing is answered with the code of its end (RFC 6604)', () => {
    const zone = zoneWith(['www.nc.internal', 'CNAME', 'nobody.default.nc.internal'], ['txt.nc.internal', 'CNAME', 'web-1.default.nc.internal']);

    expect(ask(zone, 'www.nc.internal', 'A')).toMatchObject({ rcode: 'NXDOMAIN', data: { length: 1 } });
    expect(ask(zone, 'txt.nc.internal', 'TXT')).toMatchObject({ rcode: 'NOERROR', data: { length: 1 } });
  });

  it('of a name that is not ours ends there', () => {
    expect(ask(zoneWith(['www.nc.internal', 'CNAME', 'www.example.com']), 'www.nc.internal', 'A')).toMatchObject({ rcode: 'NOERROR', data: { length: 1 } });
  });

  it('that leads back to itself ends too', () => {
    const zone = zoneWith(['a.nc.internal', 'CNAME', 'b.nc.internal'], ['b.nc.internal', 'CNAME', 'a.nc.internal']);

    expect(ask(zone, 'a.nc.internal', 'A').data?.length).toBeLessThan(12);
  });
});

// The zone of RFC 4592 §2.2.1, and its answers.
describe('a wildcard', () => {
  const zone = zoneWith(
    ['*.nc.internal', 'TXT', 'this is a wildcard'],
    ['*.nc.internal', 'MX', '10 host1.nc.internal'],
    ['host1.nc.internal', 'A', '192.0.2.1'],
    ['_ssh._tcp.host1.nc.internal', 'SRV', '0 0 22 host1.nc.internal'],
    ['sub.star.nc.internal', 'TXT', 'not a wildcard'],
  );

  it.each([
    ['host3.nc.internal', 'MX', 'NOERROR', 1],
    ['host3.nc.internal', 'A', 'NOERROR', 0],
    ['foo.bar.nc.internal', 'TXT', 'NOERROR', 1],
    ['host1.nc.internal', 'MX', 'NOERROR', 0],
    ['star.nc.internal', 'MX', 'NOERROR', 0],
    ['*.nc.internal', 'MX', 'NOERROR', 1],
    ['_telnet._tcp.host1.nc.internal', 'SRV', 'NXDOMAIN', 0],
    ['host.sub.star.nc.internal', 'TXT', 'NXDOMAIN', 0],
    ['ghost.*.nc.internal', 'MX', 'NXDOMAIN', 0],
    ['nobody.default.nc.internal', 'MX', 'NXDOMAIN', 0],
  ])('for %s %s gives %s with %i records', (name, type, rcode, count) => {
    const answer = ask(zone, name, type);

    expect([answer.rcode, answer.data?.length]).toEqual([rcode, count]);
    expect(answer.names).toEqual(Array.from({ length: count }, () => name));
  });

  it('may be an alias', () => {
    const aliases = zoneWith(['*.apps.nc.internal', 'CNAME', 'web-1.default.nc.internal']);

    expect(ask(aliases, 'any.apps.nc.internal', 'A').names).toEqual(['any.apps.nc.internal', 'web-1.default.nc.internal']);
  });
});
