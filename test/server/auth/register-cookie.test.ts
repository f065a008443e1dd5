import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { wireGuardPublicKey } from '../../../src/platform/wireguard/keys.js';
import { REGISTER_COOKIE_MS, RegisterCookies } from '../../../src/server/auth/register-cookie.js';

const NOW = Date.UTC(2026, 0, 1);
const refused = expect.objectContaining({ code: 'proof_invalid' });

describe('register cookie', () => {
  const cookies = new RegisterCookies(randomBytes(32));

  it('refuses a cookie of another cluster', () => {
    const { cookie } = new RegisterCookies(randomBytes(32)).begin(NOW);

    expect(() => cookies.open(cookie, NOW)).toThrow(refused);
  });

  it('refuses a cookie with any one bit flipped', () => {
    const { cookie } = cookies.begin(NOW);
    for (let bit = 0; bit < cookie.length * 8; bit++) {
      const flipped = Buffer.from(cookie);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);

      expect(() => cookies.open(flipped, NOW)).toThrow(refused);
    }
  });

  it('refuses a cookie that was cut, grown or never made', () => {
    const { cookie } = cookies.begin(NOW);
    for (const wrong of [Buffer.alloc(0), cookie.subarray(0, -1), Buffer.concat([cookie, Buffer.alloc(1)]), randomBytes(1 << 16)]) {
      expect(() => cookies.open(wrong, NOW)).toThrow(refused);
    }
  });

  it('refuses a cookie once its minute is over', () => {
    const { cookie } = cookies.begin(NOW);

    expect(() => cookies.open(cookie, NOW + REGISTER_COOKIE_MS + 1)).toThrow(refused);
    expect(() => cookies.open(cookie, NOW - REGISTER_COOKIE_MS - 1)).toThrow(refused);
  });

  it('gives back what it sealed, until the last moment and on any replica', () => {
    const secret = randomBytes(32);
    const { cookie, nonce, serverKey } = new RegisterCookies(secret).begin(NOW);

    const opened = new RegisterCookies(secret).open(cookie, NOW + REGISTER_COOKIE_MS);

    expect(opened.nonce).toEqual(nonce);
    expect(opened.serverKeys.publicKey).toEqual(serverKey);
    expect(wireGuardPublicKey(opened.serverKeys.privateKey)).toEqual(serverKey);
  });

  it('shows nothing of the private key it carries', () => {
    const { cookie } = cookies.begin(NOW);
    const { serverKeys } = cookies.open(cookie, NOW);

    expect(cookie.includes(serverKeys.privateKey)).toBe(false);
  });
});
