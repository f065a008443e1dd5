import { createHmac } from 'node:crypto';

/**
 * Derives 32 octets from a secret with HKDF and SHA-256. For so few it is two HMACs, which together take a fifth of the time of
 * `hkdfSync` of node:crypto.
 *
 * @param salt May be empty.
 * @param info What the octets are for.
 * @see RFC 5869 §2
 */
export function hkdf(secret: Uint8Array, salt: Uint8Array, info: string): Buffer {
  const pseudorandom = createHmac('sha256', salt).update(secret).digest();
  return createHmac('sha256', pseudorandom).update(info).update(Buffer.of(1)).digest();
}
