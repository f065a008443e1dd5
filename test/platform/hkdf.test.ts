import { hkdfSync, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { hkdf } from '../../src/platform/hkdf.js';

/** As node:crypto derives it. */
function derived(secret: Uint8Array, salt: Uint8Array, info: string): string {
  return Buffer.from(hkdfSync('sha256', secret, salt, info, 32)).toString('hex');
}

describe('hkdf', () => {
  it('gives the octets of the RFC', () => {
    const [secret, salt, info] = [Buffer.alloc(22, 0x0b), Buffer.from('000102030405060708090a0b0c', 'hex'), Buffer.from('f0f1f2f3f4f5f6f7f8f9', 'hex').toString('latin1')];

    // RFC 5869, test case 3, has neither salt nor info.
    expect(hkdf(secret, new Uint8Array(), '').toString('hex')).toBe('8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d');
    expect(hkdf(secret, salt, info).toString('hex')).toBe(derived(secret, salt, info));
  });

  it.each([
    ['a salt longer than a block', 32, 100],
    ['a secret longer than a block', 200, 16],
    ['no salt', 32, 0],
    ['no secret', 0, 16],
  ])('agrees with node:crypto on %s', (_what, secretBytes, saltBytes) => {
    const [secret, salt] = [randomBytes(secretBytes), randomBytes(saltBytes)];

    expect(hkdf(secret, salt, 'for a test').toString('hex')).toBe(derived(secret, salt, 'for a test'));
  });

  it('gives other octets for another secret, another salt and another purpose', () => {
    const [a, b] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

    const all = [hkdf(a, b, 'x'), hkdf(b, b, 'x'), hkdf(a, a, 'x'), hkdf(a, b, 'y')].map((octets) => octets.toString('hex'));

    expect(new Set(all).size).toBe(4);
  });
});
