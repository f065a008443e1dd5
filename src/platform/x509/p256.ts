import { createHash, createPublicKey, sign, verify, type JsonWebKey, type KeyObject } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { generateKeyPair } from '../generate-key-pair.js';
import { oid, sequence } from './der.js';

/** Everything before the point in the SubjectPublicKeyInfo of an uncompressed P-256 key. @see RFC 5480 §2 */
const SPKI_PREFIX = Buffer.from('3059301306072a8648ce3d020106082a8648ce3d03010703420004', 'hex');
/** An uncompressed point: 4, x, y. */
const POINT_BYTES = 65;
const COORDINATE_BYTES = 32;
const SPKI_BYTES = SPKI_PREFIX.length - 1 + POINT_BYTES;

/** `ecdsa-with-SHA256`, the one signature algorithm of every certificate here. @see RFC 5758 §3.2 */
export const ECDSA_WITH_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

/** A P-256 key pair; the private half is a secret. */
export interface P256KeyPair {
  readonly privateKey: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/** Makes a new P-256 key pair; the private half may be exported in PEM and DER only. @see generateKeyPair */
export function generateP256(): P256KeyPair {
  const { privateKey, publicKey } = generateKeyPair('ec', { namedCurve: 'prime256v1' });
  return { privateKey, spki: spkiOfPoint(publicKey) };
}

/** The private half as it is kept: PKCS #8, PEM. */
export function privateKeyPem({ privateKey }: Pick<P256KeyPair, 'privateKey'>): string {
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The SubjectPublicKeyInfo of a public key, DER; undefined when it is not a P-256 key. */
export function spkiOf(publicKey: KeyObject): Buffer | undefined {
  const isP256 = publicKey.asymmetricKeyType === 'ec' && publicKey.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  return isP256 ? spkiOfPoint(publicKey.export({ format: 'jwk' })) : undefined;
}

/** From JWK, because OpenSSL's encoder of SubjectPublicKeyInfo takes twice as long as making the key. */
function spkiOfPoint({ x = '', y = '' }: JsonWebKey): Buffer {
  return Buffer.concat([SPKI_PREFIX, Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
}

/**
 * Pairs a private key with its SubjectPublicKeyInfo.
 *
 * @throws DomainError `invalid_argument` when it is not a P-256 key.
 */
export function p256KeyPair(privateKey: KeyObject): P256KeyPair {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  parseP256(spki);
  return { privateKey, spki };
}

/**
 * Reads a SubjectPublicKeyInfo: only a P-256 key in uncompressed form on the curve, so that a key has one spelling.
 *
 * @throws DomainError `invalid_argument`
 */
export function parseP256(spki: Uint8Array): KeyObject {
  checkP256Form(spki);
  const point = Buffer.from(spki.subarray(SPKI_PREFIX.length));
  const [x, y] = [point.toString('base64url', 0, COORDINATE_BYTES), point.toString('base64url', COORDINATE_BYTES)];
  try {
    // As DER it would take OpenSSL twice as long.
    return createPublicKey({ key: { kty: 'EC', crv: 'P-256', x, y }, format: 'jwk' });
  } catch (cause) {
    throw new DomainError('invalid_argument', 'public key: want a point on the curve P-256', { cause });
  }
}

/**
 * Checks the form of a SubjectPublicKeyInfo and not the point in it, which costs more than a signature: for keys that were
 * read by {@link parseP256} before.
 *
 * @throws DomainError `invalid_argument`
 */
export function checkP256Form(spki: Uint8Array): void {
  if (spki.length !== SPKI_BYTES || !SPKI_PREFIX.equals(spki.subarray(0, SPKI_PREFIX.length))) {
    throw new DomainError('invalid_argument', 'public key: want an uncompressed P-256 key');
  }
}

/** Signs with ECDSA and SHA-256; the signature is in DER. */
export function signP256(data: Uint8Array, privateKey: KeyObject): Buffer {
  return sign('sha256', data, privateKey);
}

/** Checks a signature of {@link signP256}. */
export function verifyP256(data: Uint8Array, publicKey: KeyObject, signature: Uint8Array): boolean {
  return verify('sha256', data, publicKey, signature);
}

/** The key identifier of a P-256 key: the first 160 bits of SHA-256 over its point. @see RFC 7093 §2, method 1 */
export function keyIdentifier(spki: Uint8Array): Buffer {
  return createHash('sha256').update(spki.subarray(-POINT_BYTES)).digest().subarray(0, 20);
}

/** The pin of a key: SHA-256 of its SubjectPublicKeyInfo in base64url, 43 characters. @see RFC 7469 §2.4 */
export function spkiPin(spki: Uint8Array): string {
  return createHash('sha256').update(spki).digest('base64url');
}
