import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';

/** What DER puts before the 32 bytes of a raw X25519 key. @see RFC 8410 §7, §4 */
const PRIVATE_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');
const PUBLIC_PREFIX = Buffer.from('302a300506032b656e032100', 'hex');

/** Length of a raw X25519 key in bytes. */
export const KEY_LENGTH = 32;

/** A pair of keys, the public one raw too. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

/**
 * Takes the pair from a raw private key.
 *
 * @throws DomainError `invalid_argument` when it is not 32 bytes.
 */
export function keyPairOf(privateKey: Uint8Array): KeyPair {
  if (privateKey.length !== KEY_LENGTH) {
    throw new DomainError('invalid_argument', `WireGuard private key: want ${KEY_LENGTH} bytes, got ${privateKey.length}`);
  }
  const key = createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, privateKey]), format: 'der', type: 'pkcs8' });
  return { privateKey: key, publicKey: rawPublicKey(createPublicKey(key)) };
}

/** Makes a new pair. */
export function newKeyPair(): KeyPair {
  const pair = generateKeyPairSync('x25519');
  return { privateKey: pair.privateKey, publicKey: rawPublicKey(pair.publicKey) };
}

/**
 * Makes a key object of a raw public key, whatever its 32 bytes.
 *
 * @throws DomainError `invalid_argument` when it is not 32 bytes.
 */
export function publicKeyOf(raw: Uint8Array): KeyObject {
  if (raw.length !== KEY_LENGTH) {
    throw new DomainError('invalid_argument', `WireGuard public key: want ${KEY_LENGTH} bytes, got ${raw.length}`);
  }
  return createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, raw]), format: 'der', type: 'spki' });
}

/**
 * The shared secret, or undefined for a public key of low order, with which there is none.
 *
 * @see RFC 7748 §6.1
 */
export function sharedSecret(privateKey: KeyObject, publicKey: KeyObject): Buffer | undefined {
  try {
    return diffieHellman({ privateKey, publicKey });
  } catch {
    return undefined;
  }
}

function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(PUBLIC_PREFIX.length);
}
