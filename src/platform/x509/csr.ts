import { DomainError } from '../../domain/errors.js';
import { bitsOf, decodeDer, encodeDer, explicit, explicitItems, itemsOf, sequence, unsignedInteger, unsignedOctets } from './der.js';
import { ECDSA_WITH_SHA256, parseP256, verifyP256, type P256KeyPair } from './p256.js';
import { nameOf, signedDer } from './signed.js';

const LIMITS = { maxBytes: 2048, maxDepth: 12 } as const;

/**
 * Makes a certificate request for `key`, which proves that its sender holds the private half.
 *
 * @param commonName For people who look at it; the issuer decides every name itself.
 * @returns PKCS #10, DER.
 * @see RFC 2986 §4
 */
export function makeCsr(key: P256KeyPair, commonName: string): Buffer {
  const contents = sequence(unsignedInteger(Buffer.from([0])), nameOf(commonName), key.spki, explicit(0));
  return signedDer(contents, key.privateKey);
}

/**
 * Reads the one thing that is taken from a certificate request: its public key, whose possession the request proves.
 * Names, attributes and wished-for extensions are ignored, whatever they ask for.
 *
 * @param csr PKCS #10, DER, at most 2 KiB, P-256 with SHA-256.
 * @returns SubjectPublicKeyInfo, DER.
 * @throws DomainError `csr_invalid`
 */
export function csrSpki(csr: Uint8Array): Buffer {
  try {
    return readSpki(csr);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unreadable';
    throw new DomainError('csr_invalid', `certificate request: ${reason.slice(0, 200)}`, { cause });
  }
}

function readSpki(csr: Uint8Array): Buffer {
  const [contents, algorithm, signature, ...more] = itemsOf(decodeDer(csr, LIMITS));
  const [version, subject, key, attributes, ...others] = itemsOf(contents);
  if (contents === undefined || algorithm === undefined || key === undefined || more.length + others.length > 0) throw new Error('want PKCS #10');
  if (unsignedOctets(version).length > 0) throw new Error('want version 0');
  itemsOf(subject);
  explicitItems(attributes, 0);
  if (!encodeDer(algorithm).equals(ECDSA_WITH_SHA256)) throw new Error('want a signature by ecdsa-with-SHA256');
  const spki = encodeDer(key);
  if (!verifyP256(encodeDer(contents), parseP256(spki), bitsOf(signature))) throw new Error('the signature does not prove possession of the key');
  return spki;
}
