import { describe, expect, it } from 'vitest';
import { EXIT_ROUTE, parseOfferedRoute, parseRoute, routesOverlap } from '../../src/domain/route.js';

describe('a network behind a node', () => {
  it.each([
    ['everything, which is an exit', '0.0.0.0/0', 'exitNode'],
    ['everything of IPv6', '::/0', 'exitNode'],
    ['half of everything', '0.0.0.0/1', '0.0.0.0/8'],
    ['the other half', '128.0.0.0/1', '169.254.0.0/16'],
    ['loopback', '127.0.0.0/8', 'loopback'],
    ['a part of loopback', '127.5.0.0/16', 'loopback'],
    ['link-local', '169.254.3.0/24', 'link-local'],
    ['multicast', '239.1.0.0/16', 'multicast'],
    ['what is reserved', '255.255.255.255/32', 'reserved'],
    ['host bits', '192.168.7.1/24', '192.168.7.0/24'],
    ['IPv6', 'fd00:7::/64', 'IPv4'],
    ['an address alone', '192.168.7.1', '192.168.7.1'],
    ['another writing of a prefix', '192.168.7.0/024', 'host bits'],
    ['nothing', '', 'network like'],
  ])('is not %s', (_what, text, said) => {
    expect(() => parseRoute(text)).toThrow(expect.objectContaining({ code: 'invalid_argument', message: expect.stringContaining(said) }));
  });

  it.each(['192.168.7.0/24', '10.0.0.0/8', '203.0.113.9/32'])('is %s', (text) => {
    expect(parseRoute(text)).toBe(text);
  });

  it('is everything only where an exit may be named too', () => {
    expect(parseOfferedRoute(EXIT_ROUTE)).toBe(EXIT_ROUTE);
    expect(() => parseOfferedRoute('127.0.0.0/8')).toThrow(/loopback/);
  });
});

it.each([
  ['192.168.7.0/24', '192.168.0.0/16', true],
  ['192.168.0.0/16', '192.168.7.0/24', true],
  ['192.168.7.0/24', '192.168.8.0/24', false],
  [EXIT_ROUTE, '192.168.7.0/24', false],
  [EXIT_ROUTE, EXIT_ROUTE, false],
])('%s and %s exclude each other: %s', (a, b, expected) => {
  expect(routesOverlap(a, b)).toBe(expected);
});
