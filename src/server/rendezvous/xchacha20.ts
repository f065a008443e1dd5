import { createCipheriv } from 'node:crypto';

/** "expand 32-byte k" as ChaCha20's first four words. */
const SIGMA = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574] as const;

/** Length of the nonce in bytes: long enough to be drawn at random. */
export const XNONCE_LENGTH = 24;

/**
 * Encrypts with XChaCha20-Poly1305.
 *
 * @param nonce 24 bytes.
 * @returns Ciphertext with its 16-byte tag.
 * @see draft-irtf-cfrg-xchacha-03 §2.3
 */
export function xseal(key: Buffer, nonce: Buffer, plaintext: Buffer, associated: Buffer): Buffer {
  const cipher = createCipheriv('chacha20-poly1305', hchacha20(key, nonce), innerNonce(nonce), { authTagLength: 16 });
  cipher.setAAD(associated, { plaintextLength: plaintext.length });
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/** The nonce of the ChaCha20-Poly1305 inside: four zero bytes and the last eight of `nonce`. */
export function innerNonce(nonce: Buffer): Buffer {
  return Buffer.concat([Buffer.alloc(4), nonce.subarray(16, XNONCE_LENGTH)]);
}

/**
 * The key of the ChaCha20-Poly1305 inside, from the first 16 bytes of `nonce`.
 *
 * HChaCha20 is the ChaCha20 block without its final addition of the initial state. node:crypto offers only the whole
 * block, so the addition is taken back, in the eight words that HChaCha20 keeps.
 *
 * @see draft-irtf-cfrg-xchacha-03 §2.2
 */
export function hchacha20(key: Buffer, nonce: Buffer): Buffer {
  const initial = nonce.subarray(0, 16);
  const block = createCipheriv('chacha20', key, initial).update(Buffer.alloc(64));
  const subkey = Buffer.alloc(32);
  SIGMA.forEach((word, i) => {
    subkey.writeUInt32LE((block.readUInt32LE(4 * i) - word) >>> 0, 4 * i);
    subkey.writeUInt32LE((block.readUInt32LE(48 + 4 * i) - initial.readUInt32LE(4 * i)) >>> 0, 16 + 4 * i);
  });
  return subkey;
}
