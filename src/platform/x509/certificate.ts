import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { DomainError } from '../../domain/errors.js';
import { publicRandom } from '../public-random.js';
import { bitString, booleanTrue, explicit, implicit, octetString, oid, sequence, time, unsignedInteger } from './der.js';
import { checkP256Form, ECDSA_WITH_SHA256, keyIdentifier, type P256KeyPair } from './p256.js';
import { extension, nameOf, signedDer } from './signed.js';

/** Who signs: a CA's common name and key. */
export interface Issuer {
  readonly commonName: string;
  readonly key: P256KeyPair;
}

/** What a leaf may be used for in TLS. */
export type ExtendedUsage = 'serverAuth' | 'clientAuth';

/** What stands in a leaf's subjectAltName. */
export interface AlternativeNames {
  readonly dns?: readonly string[];
  readonly uris?: readonly string[];
  /** IPv4 or IPv6 addresses without prefix length. */
  readonly ips?: readonly string[];
}

/** A leaf to issue; nothing of it comes from the applicant except the key. */
export interface LeafRequest {
  /** The holder's key as `csrSpki` gave it: SubjectPublicKeyInfo, DER, P-256. */
  readonly spki: Uint8Array;
  /** At most 64 characters. */
  readonly commonName: string;
  readonly names: AlternativeNames;
  readonly usages: readonly ExtendedUsage[];
  /** UTC ms; a certificate keeps whole seconds. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** A certificate as issued. */
export interface IssuedCertificate {
  readonly der: Buffer;
  /** 32 upper-case hex digits, as node:crypto prints serial numbers. */
  readonly serial: string;
  /** UTC ms, a whole second. */
  readonly notAfterMs: number;
}

/** What a key may be used for, as node:crypto names it too. @see RFC 5280 §4.2.1.12 */
export const USAGE_OIDS: Record<ExtendedUsage, string> = { serverAuth: '1.3.6.1.5.5.7.3.1', clientAuth: '1.3.6.1.5.5.7.3.2' };
const USAGES: Record<ExtendedUsage, Uint8Array> = { serverAuth: oid(USAGE_OIDS.serverAuth), clientAuth: oid(USAGE_OIDS.clientAuth) };
const EXTENSIONS = {
  subjectKeyIdentifier: oid('2.5.29.14'),
  keyUsage: oid('2.5.29.15'),
  subjectAltName: oid('2.5.29.17'),
  basicConstraints: oid('2.5.29.19'),
  authorityKeyIdentifier: oid('2.5.29.35'),
  extendedKeyUsage: oid('2.5.29.37'),
};
const MAX_COMMON_NAME = 64;
const VERSION_3 = explicit(0, unsignedInteger(Buffer.from([2])));
/** What every leaf says: it is no CA, and its key signs. */
const LEAF = Buffer.concat([
  extension(EXTENSIONS.basicConstraints, true, sequence()),
  extension(EXTENSIONS.keyUsage, true, bitString(Buffer.from([0b1000_0000]), 7)), // digitalSignature
]);
/** Of an issuer, whose name and key stay: its name and the authorityKeyIdentifier of what it issues. */
const issuerParts = new WeakMap<Issuer, { readonly name: Buffer; readonly keyIdentifier: Buffer }>();

/**
 * Issues a self-signed CA certificate that may sign leaves and revocation lists and no further CA (pathLen 0).
 *
 * @throws DomainError `invalid_argument` for a common name that is empty or too long.
 * @see RFC 5280 §4.2.1.9, §4.2.1.3
 */
export function issueCaCertificate(issuer: Issuer, notBeforeMs: number, notAfterMs: number): IssuedCertificate {
  const usage = bitString(Buffer.from([0b0000_0110]), 1); // keyCertSign, cRLSign
  const constraints = sequence(booleanTrue(), unsignedInteger(Buffer.from([0])));
  return issue(issuer, { spki: issuer.key.spki, commonName: issuer.commonName, notBeforeMs, notAfterMs }, [
    extension(EXTENSIONS.basicConstraints, true, constraints),
    extension(EXTENSIONS.keyUsage, true, usage),
  ]);
}

/**
 * Issues a leaf certificate.
 *
 * @throws DomainError `invalid_argument` for a key that is not P-256 and for names that cannot stand in a certificate.
 * @see RFC 5280 §4.2
 */
export function issueLeafCertificate(issuer: Issuer, request: LeafRequest): IssuedCertificate {
  checkP256Form(request.spki);
  return issue(issuer, request, [
    LEAF,
    extension(EXTENSIONS.extendedKeyUsage, false, sequence(...request.usages.map((use) => USAGES[use]))),
    extension(EXTENSIONS.subjectAltName, false, alternativeNames(request.names)),
  ]);
}

type Subject = Pick<LeafRequest, 'spki' | 'commonName' | 'notBeforeMs' | 'notAfterMs'>;

function issue(issuer: Issuer, subject: Subject, extensions: readonly Uint8Array[]): IssuedCertificate {
  const serial = randomSerial();
  const { name, keyIdentifier: authority } = partsOf(issuer);
  const contents = sequence(
    VERSION_3,
    unsignedInteger(serial),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(subject.notBeforeMs), time(subject.notAfterMs)),
    nameOf(checkCommonName(subject.commonName)),
    subject.spki,
    explicit(3, sequence(...extensions, subjectKeyIdentifier(subject.spki), authority)),
  );
  return {
    der: signedDer(contents, issuer.key.privateKey),
    serial: serial.toString('hex').toUpperCase(),
    notAfterMs: Math.floor(subject.notAfterMs / 1000) * 1000,
  };
}

/** 127 bits, positive, always 16 octets long. @see RFC 5280 §4.1.2.2 */
function randomSerial(): Buffer {
  const serial = publicRandom(16);
  serial.writeUInt8((serial.readUInt8(0) & 0x7f) | 0x40, 0);
  return serial;
}

function partsOf(issuer: Issuer): { readonly name: Buffer; readonly keyIdentifier: Buffer } {
  const known = issuerParts.get(issuer);
  if (known !== undefined) return known;
  const authority = sequence(implicit(0, keyIdentifier(issuer.key.spki)));
  const parts = { name: nameOf(checkCommonName(issuer.commonName)), keyIdentifier: extension(EXTENSIONS.authorityKeyIdentifier, false, authority) };
  issuerParts.set(issuer, parts);
  return parts;
}

function subjectKeyIdentifier(spki: Uint8Array): Buffer {
  return extension(EXTENSIONS.subjectKeyIdentifier, false, octetString(keyIdentifier(spki)));
}

function alternativeNames({ dns = [], uris = [], ips = [] }: AlternativeNames): Buffer {
  return sequence(
    ...dns.map((name) => implicit(2, ascii(name, 'DNS name'))),
    ...uris.map((uri) => implicit(6, ascii(uri, 'URI'))),
    ...ips.map((ip) => implicit(7, ipOctets(ip))),
  );
}

/** Refuses what some reader of certificates would take apart differently: separators, quotes, control characters. */
function ascii(text: string, what: string): Buffer {
  if (!/^[!#-+\-.-~]+$/.test(text)) throw new DomainError('invalid_argument', `${what}: want printable ASCII without spaces, commas and quotes`);
  return Buffer.from(text, 'ascii');
}

function ipOctets(ip: string): Buffer {
  if (isIP(ip) === 0 || ip.includes('%')) throw new DomainError('invalid_argument', `IP address: want IPv4 or IPv6, got ${JSON.stringify(ip)}`);
  return Buffer.from(ipaddr.parse(ip).toByteArray());
}

function checkCommonName(name: string): string {
  if (name === '' || name.length > MAX_COMMON_NAME) {
    throw new DomainError('invalid_argument', `common name: want 1 to ${MAX_COMMON_NAME} characters, got ${name.length}`);
  }
  return name;
}
