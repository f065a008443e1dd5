import type { X509Certificate } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { type Asn1, bitsOf, decodeDer, encodeDer, explicit, explicitItems, implicit, itemsOf, octetsOf, oid, sequence, time, timeOf, unsignedInteger, unsignedOctets } from './der.js';
import type { Issuer } from './certificate.js';
import { ECDSA_WITH_SHA256, keyIdentifier, verifyP256 } from './p256.js';
import { extension, nameOf, signedDer } from './signed.js';

const AUTHORITY_KEY_IDENTIFIER = oid('2.5.29.35');
const CRL_NUMBER = oid('2.5.29.20');
const LIMITS = { maxBytes: 1 << 20, maxDepth: 8 } as const;

/** A revocation list to make. */
export interface CrlRequest {
  /** Only grows; readers refuse a lower one. A safe integer. */
  readonly number: number;
  /** UTC ms. */
  readonly thisUpdateMs: number;
  /** UTC ms. After it OpenSSL refuses every certificate, so it lies days ahead. */
  readonly nextUpdateMs: number;
  /** Serials in hex with the time of revocation in UTC ms. */
  readonly revoked: readonly { readonly serial: string; readonly revokedAtMs: number }[];
}

/** A revocation list that was read and whose signature holds. */
export interface Crl {
  readonly number: number;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  /** Upper-case hex, as node:crypto prints serial numbers. */
  readonly serials: ReadonlySet<string>;
}

/**
 * Makes a revocation list.
 *
 * @returns DER.
 * @see RFC 5280 §5
 */
export function makeCrl(issuer: Issuer, { number, thisUpdateMs, nextUpdateMs, revoked }: CrlRequest): Buffer {
  const entries = revoked.map(({ serial, revokedAtMs }) => sequence(unsignedInteger(Buffer.from(serial, 'hex')), time(revokedAtMs)));
  const contents = sequence(
    unsignedInteger(Buffer.from([1])), // version 2
    ECDSA_WITH_SHA256,
    nameOf(issuer.commonName),
    time(thisUpdateMs),
    time(nextUpdateMs),
    ...(entries.length > 0 ? [sequence(...entries)] : []), // RFC 5280 §5.1.2.6: absent when nothing is revoked
    explicit(
      0,
      sequence(
        extension(AUTHORITY_KEY_IDENTIFIER, false, sequence(implicit(0, keyIdentifier(issuer.key.spki)))),
        extension(CRL_NUMBER, false, unsignedInteger(bigEndian(number))),
      ),
    ),
  );
  return signedDer(contents, issuer.key.privateKey);
}

/**
 * Reads a revocation list that one of `issuers` signed. Whether its number or its time still do is for the caller,
 * who knows the last one.
 *
 * @param der At most 1 MiB.
 * @throws DomainError `certificate_invalid`
 */
export function readCrl(der: Uint8Array, issuers: readonly X509Certificate[]): Crl {
  try {
    return readList(der, issuers);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'unreadable';
    throw new DomainError('certificate_invalid', `revocation list: ${reason.slice(0, 200)}`, { cause });
  }
}

function readList(der: Uint8Array, issuers: readonly X509Certificate[]): Crl {
  const [contents, algorithm, signature, ...more] = itemsOf(decodeDer(der, LIMITS));
  if (contents === undefined || algorithm === undefined || more.length > 0) throw new Error('want a CertificateList');
  if (!encodeDer(algorithm).equals(ECDSA_WITH_SHA256)) throw new Error('want a signature by ecdsa-with-SHA256');
  const signed = encodeDer(contents);
  const bits = bitsOf(signature);
  if (!issuers.some((issuer) => verifyP256(signed, issuer.publicKey, bits))) throw new Error('not signed by a trusted CA');
  const [, , , thisUpdate, nextUpdate, ...rest] = itemsOf(contents);
  const extensions = rest.pop();
  return {
    number: readNumber(extensions),
    thisUpdateMs: timeOf(thisUpdate),
    nextUpdateMs: timeOf(nextUpdate),
    serials: new Set(rest.flatMap((entries) => itemsOf(entries).map(readSerial))),
  };
}

function readSerial(entry: Asn1): string {
  return unsignedOctets(itemsOf(entry)[0]).toString('hex').toUpperCase();
}

function readNumber(extensions: Asn1 | undefined): number {
  const found = itemsOf(explicitItems(extensions, 0)[0])
    .map(itemsOf)
    .find(([name]) => name !== undefined && encodeDer(name).equals(CRL_NUMBER));
  const number = Number(BigInt(`0x0${unsignedOctets(decodeDer(octetsOf(found?.at(-1)), LIMITS)).toString('hex')}`));
  if (!Number.isSafeInteger(number)) throw new Error('want a CRL number below 2^53');
  return number;
}

function bigEndian(number: number): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(BigInt(number));
  return octets;
}
