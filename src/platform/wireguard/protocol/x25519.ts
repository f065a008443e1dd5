import { diffieHellman, type KeyObject } from 'node:crypto';
import { generateWireGuardKeys, wireGuardPublicKey, x25519PrivateKey } from '../keys.js';

/** A key pair ready for computing with. */
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
  return { privateKey: x25519PrivateKey(privateKey), publicKey: wireGuardPublicKey(privateKey) };
}

/** Makes a new pair. */
export function newKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateWireGuardKeys();
  return { privateKey: x25519PrivateKey(privateKey, publicKey), publicKey };
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
