import { createHash, createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { parseDnsName, type DnsName } from '../../../domain/dns-name.js';
import { DomainError } from '../../../domain/errors.js';
import { generateP256, privateKeyPem } from '../../x509/p256.js';
import { encodeName } from '../wire-name.js';

/** Zone key that others may point to: the one key signs everything. @see RFC 4034 §2.1.1 */
const FLAGS = 257;
const PROTOCOL = 3;
/** ECDSA over P-256 with SHA-256. @see RFC 6605 §4 */
const ALGORITHM = 13;
/** SHA-256. @see RFC 4509 */
const DIGEST_TYPE = 2;

/** A key that signs zones. */
export class SigningKey {
  /** The data of its DNSKEY record, without length. @see RFC 4034 §2.1 */
  readonly dnskey: Buffer;
  /** Tells keys apart, mostly. @see RFC 4034 appendix B */
  readonly tag: number;
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.#key = key;
    const { x, y } = createPublicKey(key).export({ format: 'jwk' });
    const point = Buffer.concat([Buffer.from(x!, 'base64url'), Buffer.from(y!, 'base64url')]);
    this.dnskey = Buffer.concat([Buffer.from([FLAGS >> 8, FLAGS & 0xff, PROTOCOL, ALGORITHM]), point]);
    this.tag = keyTag(this.dnskey);
  }

  /** The number of the algorithm in records. */
  get algorithm(): number {
    return ALGORITHM;
  }

  /** Makes a fresh key. @returns PKCS #8, PEM. */
  static generate(): string {
    return privateKeyPem(generateP256());
  }

  /**
   * Reads a key.
   *
   * @param pem PKCS #8.
   * @throws DomainError `state_invalid` for anything but an EC key on P-256.
   */
  static fromPem(pem: string): SigningKey {
    const key = readKey(pem);
    if (key?.asymmetricKeyDetails?.namedCurve !== 'prime256v1') throw new DomainError('state_invalid', 'DNSSEC key: want an EC private key on P-256 in PEM');
    return new SigningKey(key);
  }

  /** The signature in the form of records: r and s, 32 octets each. @see RFC 6605 §4 */
  sign(octets: Uint8Array): Buffer {
    return sign('sha256', octets, { key: this.#key, dsaEncoding: 'ieee-p1363' });
  }
}

/**
 * The DS record by which a parent, or a validator's configuration, vouches for a zone's key.
 *
 * @param zone The apex.
 * @returns As a zone file has it.
 * @see RFC 4034 §5.1.4
 */
export function dsRecord(zone: string, key: SigningKey): string {
  const apex: DnsName = parseDnsName(zone, 'zone');
  const digest = createHash('sha256').update(encodeName(apex)).update(key.dnskey).digest('hex').toUpperCase();
  return `${apex}. IN DS ${key.tag} ${ALGORITHM} ${DIGEST_TYPE} ${digest}`;
}

function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause could quote the key.
    return undefined;
  }
}

function keyTag(dnskey: Buffer): number {
  let sum = 0;
  for (const [i, octet] of dnskey.entries()) sum += (i & 1) === 0 ? octet << 8 : octet;
  return (sum + (sum >>> 16)) & 0xffff;
}
