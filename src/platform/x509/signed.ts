import type { KeyObject } from 'node:crypto';
import { bitString, booleanTrue, octetString, oid, sequence, setOf, utf8String } from './der.js';
import { ECDSA_WITH_SHA256, signP256 } from './p256.js';

const COMMON_NAME = oid('2.5.4.3');

/** What certificates, requests and revocation lists share: contents, algorithm, signature of the contents. */
export function signedDer(contents: Uint8Array, privateKey: KeyObject): Buffer {
  return sequence(contents, ECDSA_WITH_SHA256, bitString(signP256(contents, privateKey)));
}

/** A Name of one common name. @see RFC 5280 §4.1.2.4 */
export function nameOf(commonName: string): Buffer {
  return sequence(setOf(sequence(COMMON_NAME, utf8String(commonName))));
}

/** One extension: the OBJECT IDENTIFIER and the value, both DER. @see RFC 5280 §4.2 */
export function extension(id: Uint8Array, critical: boolean, value: Uint8Array): Buffer {
  return sequence(id, ...(critical ? [booleanTrue()] : []), octetString(value));
}
