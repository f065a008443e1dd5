import { generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';

/**
 * What node:crypto has made is exported as JWK within the making and never from the KeyObject: that export holds the key's lock while it
 * makes strings, and when this starts a collection of garbage in which Node.js 20 takes down what made the key, the lock is wanted a
 * second time, by the same thread, which then stands for ever. It happens once in some ten thousand keys.
 */
const AS_JWK = { format: 'jwk' };

/** The declarations of Node.js know nothing of keys that are made as JWK. @see https://nodejs.org/api/crypto.html, generateKeyPairSync */
const generate = generateKeyPairSync as unknown as (type: string, options: object) => { privateKey: unknown; publicKey: unknown };

/** Makes a key pair; its private half must not be exported as JWK, nor its details asked for. @see generateJwk */
export function generateKeyPair(type: 'ec', options: { readonly namedCurve: string }): { privateKey: KeyObject; publicKey: JsonWebKey } {
  return generate(type, { ...options, publicKeyEncoding: AS_JWK }) as { privateKey: KeyObject; publicKey: JsonWebKey };
}

/** Makes a key pair as JWK, with both halves in it. */
export function generateJwk(type: 'x25519'): JsonWebKey {
  return generate(type, { publicKeyEncoding: AS_JWK, privateKeyEncoding: AS_JWK }).privateKey as JsonWebKey;
}
