import { describe, expect, it } from 'vitest';
import { AddressPlan } from '../../src/domain/address-plan.js';
import { formatCidr4, formatCidr6, parseCidr4, parseCidr6 } from '../../src/domain/cidr.js';
import { reverseName, type DnsName } from '../../src/domain/dns-name.js';
import { reverseRange4, reverseRange6 } from '../../src/domain/reverse-range.js';

const range4 = (name: string): string | undefined => {
  const range = reverseRange4(name as DnsName);
  return range && formatCidr4(range);
};
const range6 = (name: string): string | undefined => {
  const range = reverseRange6(name as DnsName);
  return range && formatCidr6(range);
};

describe('a name under in-addr.arpa', () => {
  it.each(['in-addr.arpa', '256.10.in-addr.arpa', '05.10.in-addr.arpa', 'x.10.in-addr.arpa', '-1.10.in-addr.arpa', '9.5.0.66.10.in-addr.arpa', '10.in-addr.arpa.example', '10.xin-addr.arpa', '.in-addr.arpa', '*.10.in-addr.arpa', 'a.ip6.arpa'])(
    'is that of no address: %s',
    (name) => expect(range4(name)).toBeUndefined(),
  );

  it.each([
    ['10.in-addr.arpa', '10.0.0.0/8'],
    ['66.10.in-addr.arpa', '10.66.0.0/16'],
    ['0.66.10.in-addr.arpa', '10.66.0.0/24'],
    ['255.0.66.10.in-addr.arpa', '10.66.0.255/32'],
  ])('%s stands above the names of %s', (name, range) => expect(range4(name)).toBe(range));

  it('is read back from every address', () => {
    for (const address of ['0.0.0.0', '10.66.0.5', '255.255.255.255']) expect(range4(reverseName(address))).toBe(`${address}/32`);
  });
});

describe('a name under ip6.arpa', () => {
  it.each(['ip6.arpa', 'g.ip6.arpa', 'fd.ip6.arpa', `0.${reverseName('fd00:66::5')}`, '10.in-addr.arpa', '*.d.f.ip6.arpa', 'd.f.ip6.arpa.example'])('is that of no address: %s', (name) => expect(range6(name)).toBeUndefined());

  it.each([
    ['f.ip6.arpa', 'f000::/4'],
    ['0.0.d.f.ip6.arpa', 'fd00::/16'],
    ['6.0.0.0.0.d.f.ip6.arpa', 'fd00:60::/28'],
  ])('%s stands above the names of %s', (name, range) => expect(range6(name)).toBe(range));

  it('is read back from every address', () => {
    for (const address of ['::', 'fd00:66::5', 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff']) expect(range6(reverseName(address))).toBe(`${address}/128`);
  });
});

describe('the part of a network in a range', () => {
  const plan = new AddressPlan(parseCidr4('10.66.0.0/20'), parseCidr6('fd00:66::/64'));
  const of4 = (range: string): string | undefined => {
    const part = plan.within4(parseCidr4(range));
    return part && formatCidr4(part);
  };
  const of6 = (range: string): string | undefined => {
    const part = plan.within6(parseCidr6(range));
    return part && formatCidr4(part);
  };

  it.each(['10.67.0.0/16', '10.66.16.0/24', '11.0.0.0/8', '10.66.16.0/32'])('is none in %s', (range) => expect(of4(range)).toBeUndefined());

  it.each(['fd00:67::/32', 'fd00:66::1000/128', 'fd00:66::1:0/112', 'fd00:66:0:1::/64', 'fd00:66::1000/116'])('is none in %s', (range) => expect(of6(range)).toBeUndefined());

  it('is none of IPv6 without IPv6', () => {
    expect(new AddressPlan(parseCidr4('10.66.0.0/20')).within6(parseCidr6('fd00::/8'))).toBeUndefined();
  });

  it.each([
    ['10.0.0.0/8', '10.66.0.0/20'],
    ['10.66.0.0/20', '10.66.0.0/20'],
    ['10.66.3.0/24', '10.66.3.0/24'],
    ['10.66.3.7/32', '10.66.3.7/32'],
  ])('%s is %s', (range, part) => expect(of4(range)).toBe(part));

  it.each([
    ['fd00::/8', '10.66.0.0/20'],
    ['fd00:66::/116', '10.66.0.0/20'],
    ['fd00:66::300/120', '10.66.3.0/24'],
    ['fd00:66::310/124', '10.66.3.16/28'],
    ['fd00:66::307/128', '10.66.3.7/32'],
  ])('%s is that of the hosts of %s', (range, part) => expect(of6(range)).toBe(part));
});
