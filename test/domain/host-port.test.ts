import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatHostPort, parseHostPort } from '../../src/domain/host-port.js';

const invalid = expect.objectContaining({ code: 'invalid_argument', message: expect.stringMatching(/^listen: want /) });

describe('host and port', () => {
  it.each([
    '', ':', 'h', ':1', 'h:', 'h:0', 'h:00', 'h:+1', 'h:1.0', 'h:1e3', 'h:65536', 'h:99999999999', ' h:1', 'h :1', 'h: 1', 'a_b-:1', 'a.-b:1', '.h:1', 'h.:1', '*:1', 'h#:1',
    '::1:80', '[::1]', '[::1]:', '[::1]:0', '[::1', '::1]:1', '[[::1]]:1', '[::1%1]:1', '[10.0.0.1]:1', '[::ffff:10.0.0.300]:1',
    '10.0.0:1', '10.0.0.0.1:1', '010.0.0.1:1', '256.0.0.1:1', '1:1', '0x7f.1:1', 'a.0x1f:1', 'host.1:1',
  ])('are refused in %j', (text) => {
    expect(() => parseHostPort(text, 'listen')).toThrow(invalid);
  });

  it.each([
    ['controller.example:6439', 'controller.example', 6439],
    ['Controller.EXAMPLE:1', 'controller.example', 1],
    ['_srv.a-b.c9:65535', '_srv.a-b.c9', 65_535],
    ['10.66.0.1:53', '10.66.0.1', 53],
    ['[2001:DB8:0:0::1]:443', '2001:db8::1', 443],
    ['[::ffff:10.0.0.1]:1', '::ffff:a00:1', 1],
  ])('are read from %j', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port });
  });

  it('are written as they are read', () => {
    const hosts = fc.oneof(fc.domain().map((name) => name.toLowerCase()), fc.ipV4(), fc.constantFrom('::1', 'fd00:66::5', '2001:db8::'));
    fc.assert(
      fc.property(hosts, fc.integer({ min: 1, max: 65_535 }), (host, port) => {
        expect(parseHostPort(formatHostPort({ host, port }))).toEqual({ host, port });
      }),
      { seed: 20260108, numRuns: 500 },
    );
  });
});
