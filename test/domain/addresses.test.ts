import { describe, expect, it } from 'vitest';
import { AddressPlan } from '../../src/domain/address-plan.js';
import { contains4, contains6, formatCidr4, formatCidr6, overlap4, overlap6, parseCidr4, parseCidr6 } from '../../src/domain/cidr.js';
import { formatIp4, formatIp6, parseIp4, parseIp6 } from '../../src/domain/ip.js';

describe('an IPv4 address', () => {
  it.each(['', '10.0.0', '10.0.0.256', '010.0.0.1', '0x7f.0.0.1', '2130706433', '10.0.0.1 ', '10.0.0.1/8', '::1'])(
    'is not read from %j',
    (text) => expect(() => parseIp4(text)).toThrow(/want an IPv4 address/),
  );

  it('is written as it was read', () => {
    for (const text of ['0.0.0.0', '10.66.0.5', '255.255.255.255', '128.0.0.1']) expect(formatIp4(parseIp4(text))).toBe(text);
  });
});

describe('an IPv6 address', () => {
  it.each(['', '10.0.0.1', 'fe80::1%eth0', 'fd00::1::2', 'g::1'])('is not read from %j', (text) =>
    expect(() => parseIp6(text)).toThrow(/want an IPv6 address/),
  );

  it('is written in its canonical form', () => {
    expect(formatIp6(parseIp6('FD00:0066:0:0:0:0:0:0005'))).toBe('fd00:66::5');
  });
});

describe('a network', () => {
  it.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '/24', '10.0.0.0/24/8', '10.0.0.0/x'])('is not read from %j', (text) =>
    expect(() => parseCidr4(text)).toThrow(/want (a network|an IPv4)/),
  );

  it('is the one around a host address, as LiteKube writes it', () => {
    expect(formatCidr4(parseCidr4('10.1.1.1/24'))).toBe('10.1.1.0/24');
    expect(formatCidr6(parseCidr6('fd00:66::9/64'))).toBe('fd00:66::/64');
  });

  it('knows what lies in it and what it overlaps', () => {
    const a = parseCidr4('10.66.0.0/16');
    expect(contains4(a, parseIp4('10.66.255.255'))).toBe(true);
    expect(contains4(a, parseIp4('10.67.0.0'))).toBe(false);
    expect(contains4(parseCidr4('0.0.0.0/0'), parseIp4('255.1.2.3'))).toBe(true);
    expect(overlap4(a, parseCidr4('10.0.0.0/8'))).toBe(true);
    expect(overlap4(a, parseCidr4('10.67.0.0/16'))).toBe(false);
    expect(contains6(parseCidr6('fd00:66::/64'), parseIp6('fd00:66::ffff'))).toBe(true);
    expect(overlap6(parseCidr6('fd00:66::/64'), parseCidr6('fd00:66::/48'))).toBe(true);
    expect(overlap6(parseCidr6('fd00:66::/64'), parseCidr6('fd00:67::/64'))).toBe(false);
  });
});

describe('the address plan', () => {
  it.each(['10.0.0.0/31', '10.0.0.0/32', '0.0.0.0/7'])('refuses %s, which is too small or too large', (cidr) =>
    expect(() => new AddressPlan(parseCidr4(cidr))).toThrow(/want a prefix from \/8 to \/30/),
  );

  it('refuses an IPv6 prefix that cannot number every IPv4 host', () => {
    expect(() => new AddressPlan(parseCidr4('10.0.0.0/16'), parseCidr6('fd00::/120'))).toThrow(/\/112 or shorter/);
  });

  it.each(['10.66.0.0', '10.66.0.1', '10.66.0.255', '10.66.1.5', '192.0.2.1', 'web'])('gives no node the address %s', (address) =>
    expect(() => new AddressPlan(parseCidr4('10.66.0.0/24')).hostOf(address)).toThrow(/want/),
  );

  it('gives a host the same number in both families', () => {
    const plan = new AddressPlan(parseCidr4('10.66.0.0/16'), parseCidr6('fd00:66::/64'));
    expect(plan.addressesOf(plan.hostOf('10.66.1.5'))).toEqual({ bindIp: '10.66.1.5', bindIp6: 'fd00:66::105' });
    expect(plan.addressesOf(plan.controllerHost)).toEqual({ bindIp: '10.66.0.1', bindIp6: 'fd00:66::1' });
    expect(new AddressPlan(parseCidr4('10.66.0.0/30')).capacity).toBe(1);
  });
});
