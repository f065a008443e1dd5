import type { KeyObject } from 'node:crypto';
import { bitString, embedded, encodeDer, sequence, setOf, oid, octetString, booleanTrue, utf8String, type Asn1 } from './der.js';
import { ECDSA_WITH_SHA256, signP256 } from './p256.js';

const COMMON_NAME = '2.5.4.3';

/** `ecdsa-with-SHA256` as an AlgorithmIdentifier. */
export function signatureAlgorithm(): Asn1 {
  return embedded(ECDSA_WITH_SHA256);
}

/** What certificates, requests and revocation lists share: contents, algorithm, signature of the contents. */
export function signedDer(contents: Asn1, privateKey: KeyObject): Buffer {
  const signed = encodeDer(contents);
  return encodeDer(sequence(embedded(signed), signatureAlgorithm(), bitString(signP256(signed, privateKey))));
}

/** A Name of one common name. @see RFC 5280 §4.1.2.4 */
export function nameOf(commonName: string): Asn1 {
  return sequence(setOf(sequence(oid(COMMON_NAME), utf8String(commonName))));
}

/** One extension. @see RFC 5280 §4.2 */
export function extension(id: string, critical: boolean, value: Asn1): Asn1 {
  return sequence(oid(id), ...(critical ? [booleanTrue()] : []), octetString(encodeDer(value)));
}
