import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { generateJwk } from '../generate-key-pair.js';

/** Octets of an X25519 key, private or public. */
export const WIREGUARD_KEY_BYTES = 32;

/** @see RFC 8037 §2 */
const X25519_JWK = { kty: 'OKP', crv: 'X25519' } as const;

/** What stands before the 32 raw octets in PKCS #8 (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b656e04220420', 'hex');

/** The octets 1 to 30 of every number from 2^255 - 19 up to 2^255 - 1. */
const ALL_ONES = Buffer.alloc(30, 0xff);

/** A WireGuard key pair in raw octets; the private half is a secret. */
export interface WireGuardKeyPair {
  /** 32 octets. */
  readonly privateKey: Buffer;
  /** 32 octets. */
  readonly publicKey: Buffer;
}

/** Makes a new WireGuard key pair, as `wg genkey` and `wg pubkey` do. */
export function generateWireGuardKeys(): WireGuardKeyPair {
  // As JWK, for which OpenSSL's encoders of PKCS #8 and SubjectPublicKeyInfo, slower than all the rest, are not asked.
  const { d = '', x = '' } = generateJwk('x25519');
  return { privateKey: Buffer.from(d, 'base64url'), publicKey: Buffer.from(x, 'base64url') };
}

/**
 * Computes the public half of a raw private key, as `wg pubkey` does.
 *
 * @throws DomainError `invalid_argument` when it is not 32 octets.
 */
export function wireGuardPublicKey(privateKey: Uint8Array): Buffer {
  const { x = '' } = x25519PrivateKey(privateKey).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

/**
 * Reads a key in WireGuard's text form, 44 characters of base64, into its 32 octets. Private keys are read with it
 * too, so no message repeats the text.
 *
 * @throws DomainError `invalid_argument` when it is not the one base64 form of 32 octets.
 * @see wg(8), "PrivateKey"
 */
export function parseWireGuardKey(text: string): Buffer {
  const raw = Buffer.from(text, 'base64');
  if (raw.length !== WIREGUARD_KEY_BYTES || raw.toString('base64') !== text) {
    throw new DomainError('invalid_argument', 'wireguard key: want 44 characters of base64, ending in "="');
  }
  return raw;
}

/**
 * Writes 32 octets in WireGuard's text form.
 *
 * @throws DomainError `invalid_argument` when it is not 32 octets.
 */
export function formatWireGuardKey(raw: Uint8Array): string {
  return Buffer.from(sized(raw)).toString('base64');
}

/**
 * Checks a public key that somebody else sent: 32 octets in the one form of its number.
 *
 * X25519 ignores the highest bit and reduces modulo 2^255 - 19 (RFC 7748 §5), so one key has more than one spelling.
 * Accepting only the canonical one lets a key's octets be its identity.
 *
 * @throws DomainError `invalid_argument`
 */
export function checkWireGuardPublicKey(raw: Uint8Array): Buffer {
  const key = Buffer.from(sized(raw));
  const top = key.readUInt8(31);
  const reducible = top === 0x7f && key.subarray(1, 31).equals(ALL_ONES) && key.readUInt8(0) >= 0xed;
  if (top > 0x7f || reducible) {
    throw new DomainError('invalid_argument', 'wireguard key: want a canonical X25519 public key, below 2^255 - 19');
  }
  return key;
}

/**
 * Wraps a raw private key for node:crypto.
 *
 * @param publicKey Its public half, where it is known: a JWK wants both, and OpenSSL reads one ten times as fast as PKCS #8.
 * @throws DomainError `invalid_argument` when it is not 32 octets.
 */
export function x25519PrivateKey(raw: Uint8Array, publicKey?: Uint8Array): KeyObject {
  if (publicKey === undefined) return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, sized(raw)]), format: 'der', type: 'pkcs8' });
  return createPrivateKey({ key: { ...X25519_JWK, x: base64url(publicKey), d: base64url(raw) }, format: 'jwk' });
}

/** Wraps a raw public key for node:crypto. @throws DomainError `invalid_argument` when it is not 32 octets. */
export function x25519PublicKey(raw: Uint8Array): KeyObject {
  return createPublicKey({ key: { ...X25519_JWK, x: base64url(raw) }, format: 'jwk' });
}

function base64url(raw: Uint8Array): string {
  return Buffer.from(sized(raw)).toString('base64url');
}

function sized(raw: Uint8Array): Uint8Array {
  if (raw.length !== WIREGUARD_KEY_BYTES) {
    throw new DomainError('invalid_argument', `wireguard key: want ${WIREGUARD_KEY_BYTES} octets, got ${raw.length}`);
  }
  return raw;
}
