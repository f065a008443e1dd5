import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareDnsNames, isWithin, labelOctets, labelsOf, nameOfLabels, parentOf, parseDnsName, reverseName, under } from '../../src/domain/dns-name.js';
import { reverseZones } from '../../src/domain/reverse-zone.js';

describe('a domain name', () => {
  it.each([
    ['an empty label', 'a..b'],
    ['a leading dot', '.a'],
    ['a label of 64 octets', `${'a'.repeat(64)}.b`],
    ['256 octets in all', `${'a'.repeat(62)}.`.repeat(4) + 'aaa'],
    ['a character that is no octet', 'ü.example'],
    ['an escape of more than 255', 'a\\256.b'],
    ['an escape of two digits', 'a\\12.b'],
    ['an escape of nothing', 'a\\'],
  ])('is refused with %s', (_, text) => {
    expect(() => parseDnsName(text)).toThrow(expect.objectContaining({ code: 'invalid_argument' }) as Error);
  });

  it('may be as long as RFC 1035 §2.3.4 allows, and no longer', () => {
    const longest = `${`${'a'.repeat(63)}.`.repeat(3)}${'a'.repeat(61)}`;

    expect(labelsOf(parseDnsName(longest))).toHaveLength(4);
    expect(() => parseDnsName(`${longest}a`)).toThrow('255 octets');
  });

  it('compares without case and without the final dot', () => {
    expect(parseDnsName('WeB.Default.NC.internal.')).toBe(parseDnsName('web.default.nc.internal'));
  });

  it('does not take a dot inside a label for the end of it', () => {
    const tricky = parseDnsName('a\\.nc.internal');

    expect(labelsOf(tricky)).toHaveLength(2);
    expect(isWithin(tricky, parseDnsName('nc.internal'))).toBe(false);
    expect(parentOf(tricky)).toBe('internal');
  });

  it('does not take a longer last label for the same zone', () => {
    expect(isWithin(parseDnsName('evilnc.internal'), parseDnsName('nc.internal'))).toBe(false);
    expect(isWithin(parseDnsName('a.nc.internal'), parseDnsName('nc.internal'))).toBe(true);
  });

  it('keeps every octet of every label', () => {
    const label = fc.uint8Array({ minLength: 1, maxLength: 63 });
    fc.assert(
      fc.property(fc.array(label, { minLength: 1, maxLength: 3 }), (labels) => {
        const name = nameOfLabels(labels)!;
        const lower = labels.map((octets) => [...octets].map((octet) => (octet >= 65 && octet <= 90 ? octet + 32 : octet)));
        expect(labelsOf(name).map(labelOctets)).toEqual(lower);
        expect(parseDnsName(name)).toBe(name);
      }),
      { seed: 1035, numRuns: 300 },
    );
  });

  it('sorts as RFC 4034 §6.1 shows', () => {
    const sorted = ['example', 'a.example', 'yljkjljk.a.example', 'Z.a.example', 'zABC.a.EXAMPLE', 'z.example', '\\001.z.example', '*.z.example', '\\200.z.example'];

    const names = sorted.map((text) => parseDnsName(text));

    expect(names.toReversed().toSorted(compareDnsNames)).toEqual(names);
  });

  it('can be put under another until the whole is too long', () => {
    expect(under('web.default', parseDnsName('nc.internal'))).toBe('web.default.nc.internal');
    expect(() => under('a'.repeat(60), parseDnsName(`${'b'.repeat(63)}.`.repeat(3) + 'c'.repeat(10)))).toThrow('255');
  });
});

describe('the reverse of an address', () => {
  it('has the octets backwards for IPv4 and the nibbles for IPv6', () => {
    expect(reverseName('10.66.0.5')).toBe('5.0.66.10.in-addr.arpa');
    expect(reverseName('fd00:66::5')).toBe('5.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.6.6.0.0.0.0.d.f.ip6.arpa');
  });

  it.each([
    ['10.66.0.0/24', '', ['0.66.10.in-addr.arpa']],
    ['10.66.4.0/23', '', ['4.66.10.in-addr.arpa', '5.66.10.in-addr.arpa']],
    ['10.66.0.0/16', '', ['66.10.in-addr.arpa']],
    ['10.0.0.0/8', '', ['10.in-addr.arpa']],
    ['10.66.7.16/28', '', ['7.66.10.in-addr.arpa']],
    ['10.66.0.0/24', 'fd00:66::/30', ['0.66.10.in-addr.arpa', '4.6.0.0.0.0.d.f.ip6.arpa', '5.6.0.0.0.0.d.f.ip6.arpa', '6.6.0.0.0.0.d.f.ip6.arpa', '7.6.0.0.0.0.d.f.ip6.arpa']],
  ])('belongs for %s %s to %j', (cidr, cidr6, zones) => {
    expect(reverseZones(cidr, cidr6)).toEqual(zones);
  });
});
