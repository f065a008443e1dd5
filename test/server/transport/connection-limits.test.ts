import { describe, expect, it } from 'vitest';
import { plainAddress } from '../../../src/server/auth/source.js';
import { ConnectionLimits } from '../../../src/server/transport/connection-limits.js';
import { ManualClock } from '../../support/clock.js';
import { DEFAULT_LIMITS } from '../../support/rpc-listener.js';

const WIDE = { ...DEFAULT_LIMITS, connections: 1000, connectionsPerSource: 1000, handshakes: 1000, handshakesPerSecond: 1000 };

describe('ConnectionLimits', () => {
  it('turns away what is more than the listener holds, until one leaves', () => {
    const limits = new ConnectionLimits({ ...WIDE, connections: 2 }, new ManualClock());
    const first = limits.admit('192.0.2.1');
    limits.admit('192.0.2.2');

    expect(limits.admit('192.0.2.3')).toBeUndefined();
    first?.released();

    expect(limits.admit('192.0.2.3')).toBeDefined();
    expect(limits.stats()).toMatchObject({ open: 2, accepted: 3, refused: { connections: 1 } });
  });

  it('lets one source not take the places of all', () => {
    const limits = new ConnectionLimits({ ...WIDE, connectionsPerSource: 2 }, new ManualClock());
    for (let i = 0; i < 5; i++) limits.admit('192.0.2.1');

    expect(limits.stats()).toMatchObject({ open: 2, refused: { connectionsPerSource: 3 } });
    expect(limits.admit('192.0.2.2')).toBeDefined();
  });

  it.each([
    ['an IPv6 /64', '2001:db8:0:1::1', '2001:db8:0:1:ffff::9'],
    ['one address in both its forms', '192.0.2.1', '::ffff:192.0.2.1'],
    ['a link-local address with its zone', 'fe80::1%eth0', 'fe80::2%eth1'],
  ])('counts %s as one source', (_what, one, other) => {
    const limits = new ConnectionLimits({ ...WIDE, connectionsPerSource: 1 }, new ManualClock());
    limits.admit(one);

    expect(limits.admit(other)).toBeUndefined();
  });

  it('counts another /64 as another source', () => {
    const limits = new ConnectionLimits({ ...WIDE, connectionsPerSource: 1 }, new ManualClock());
    limits.admit('2001:db8:0:1::1');

    expect(limits.admit('2001:db8:0:2::1')).toBeDefined();
  });

  it('bounds handshakes that are not finished, whoever they are from', () => {
    const limits = new ConnectionLimits({ ...WIDE, handshakes: 1 }, new ManualClock());
    const first = limits.admit('192.0.2.1');
    expect(limits.admit('192.0.2.2')).toBeUndefined();

    first?.secured();

    expect(limits.admit('192.0.2.2')).toBeDefined();
    expect(limits.stats()).toMatchObject({ open: 2, handshaking: 1, refused: { handshakes: 1 } });
  });

  it('bounds new connections of a source per second, also of one that closes them at once', () => {
    const clock = new ManualClock();
    const limits = new ConnectionLimits({ ...WIDE, handshakesPerSecond: 10 }, clock);
    for (let i = 0; i < 25; i++) limits.admit('192.0.2.1')?.released();
    expect(limits.stats().refused.handshakesPerSecond).toBe(15);

    clock.advance(500);

    for (let i = 0; i < 25; i++) limits.admit('192.0.2.1')?.released();
    expect(limits.stats().accepted).toBe(15);
  });

  it('gives a place back once, however often a connection ends', () => {
    const limits = new ConnectionLimits(WIDE, new ManualClock());
    const admission = limits.admit('192.0.2.1');

    admission?.released();
    admission?.secured();
    admission?.released();

    expect(limits.stats()).toMatchObject({ open: 0, handshaking: 0 });
  });

  it('keeps counting while sources come and go without end, and a clock goes back', () => {
    const clock = new ManualClock();
    const limits = new ConnectionLimits({ ...WIDE, connectionsPerSource: 1 }, clock);
    limits.admit('198.51.100.1');
    for (let i = 0; i < 30_000; i++) {
      clock.advance(1);
      limits.admit(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`)?.released();
    }
    clock.set(0);

    expect(limits.admit('198.51.100.1')).toBeUndefined();
    expect(limits.stats()).toMatchObject({ open: 1, accepted: 30_001 });
  });
});

describe('plainAddress', () => {
  it.each([
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:0:1', '::ffff:0:1'],
  ])('of %s is %s', (address, plain) => expect(plainAddress(address)).toBe(plain));
});
