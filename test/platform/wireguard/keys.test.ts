import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import {
  checkWireGuardPublicKey,
  formatWireGuardKey,
  generateWireGuardKeys,
  parseWireGuardKey,
  wireGuardPublicKey,
  x25519PrivateKey,
  x25519PublicKey,
} from '../../../src/platform/wireguard/keys.js';

const invalid = expect.objectContaining({ code: 'invalid_argument' });

describe('WireGuard keys', () => {
  it.each([0, 31, 33, 64])('refuses a key of %i octets', (length) => {
    for (const use of [wireGuardPublicKey, formatWireGuardKey, checkWireGuardPublicKey, x25519PrivateKey, x25519PublicKey]) {
      expect(() => use(Buffer.alloc(length, 1))).toThrow(invalid);
    }
  });

  const text = formatWireGuardKey(Buffer.alloc(32, 0x55));
  it.each([
    ['nothing', ''],
    ['a missing pad', text.slice(0, -1)],
    ['a second pad', `${text}=`],
    ['a space', ` ${text}`],
    ['31 octets', Buffer.alloc(31).toString('base64')],
    ['33 octets', Buffer.alloc(33).toString('base64')],
    ['base64url', Buffer.alloc(32, 0xff).toString('base64url')],
    ['stray bits in the last character', `${text.slice(0, -2)}W=`],
    ['hex', Buffer.alloc(32).toString('hex')],
  ])('refuses the text of a key with %s', (_what, wrong) => {
    expect(() => parseWireGuardKey(wrong)).toThrow(invalid);
  });

  it('never repeats the text of a key it refuses', () => {
    const secret = `${'A'.repeat(42)}W=`;

    expect(() => parseWireGuardKey(secret)).toThrow(
      expect.objectContaining({ code: 'invalid_argument', message: expect.not.stringContaining(secret.slice(0, 20)) }),
    );
  });

  it.each([
    ['the ignored bit set', [9, ...Array<number>(30).fill(0), 0x80]],
    ['2^255 - 19, another zero', [0xed, ...Array<number>(30).fill(0xff), 0x7f]],
    ['2^255 - 1', [0xff, ...Array<number>(30).fill(0xff), 0x7f]],
  ])('refuses a second spelling of a public key: %s', (_what, octets) => {
    expect(() => checkWireGuardPublicKey(Buffer.from(octets))).toThrow(invalid);
  });

  it('accepts the largest canonical public key', () => {
    const largest = Buffer.from([0xec, ...Array<number>(30).fill(0xff), 0x7f]);

    expect(checkWireGuardPublicKey(largest)).toEqual(largest);
  });

  it('makes keys that `wg pubkey` agrees with', () => {
    for (let round = 0; round < 20; round++) {
      const { privateKey, publicKey } = generateWireGuardKeys();

      const theirs = execFileSync('wg', ['pubkey'], { input: `${formatWireGuardKey(privateKey)}\n`, encoding: 'utf8' });

      expect(theirs.trim()).toBe(formatWireGuardKey(publicKey));
      expect(wireGuardPublicKey(privateKey)).toEqual(publicKey);
      expect(checkWireGuardPublicKey(publicKey)).toEqual(publicKey);
    }
  });

  it('reads the keys that `wg genkey` makes', () => {
    const theirs = execFileSync('wg', ['genkey'], { encoding: 'utf8' }).trim();

    const publicKey = formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(theirs)));

    expect(publicKey).toBe(execFileSync('wg', ['pubkey'], { input: theirs, encoding: 'utf8' }).trim());
  });
});
