import { X509Certificate } from 'node:crypto';
import { issueCaCertificate, issueLeafCertificate, type Issuer, type LeafRequest } from '../../src/platform/x509/certificate.js';
import { generateP256, type P256KeyPair } from '../../src/platform/x509/p256.js';
import { toPem } from '../../src/platform/x509/pem.js';

const DAY_MS = 86_400_000;

/** A CA for tests that need more than the product's own would issue. */
export interface TestCa {
  readonly issuer: Issuer;
  readonly der: Buffer;
  readonly pem: string;
  readonly certificate: X509Certificate;
}

/** A leaf with its key, ready for `tls`. */
export interface TestLeaf {
  readonly key: P256KeyPair;
  readonly keyPem: string;
  readonly der: Buffer;
  readonly pem: string;
  readonly serial: string;
}

/** Makes a CA that is valid now, or from `notBeforeMs` to `notAfterMs`. */
export function testCa(commonName = 'nc-test-ca g1', notBeforeMs = Date.now() - DAY_MS, notAfterMs = Date.now() + DAY_MS): TestCa {
  const issuer = { commonName, key: generateP256() };
  const { der } = issueCaCertificate(issuer, notBeforeMs, notAfterMs);
  return { issuer, der, pem: toPem(der), certificate: new X509Certificate(der) };
}

/** Issues a leaf for both TLS roles, valid now, with `change` applied. */
export function testLeaf(ca: TestCa, change: Partial<LeafRequest> = {}, key = generateP256()): TestLeaf {
  const { der, serial } = issueLeafCertificate(ca.issuer, {
    spki: key.spki,
    commonName: 'leaf',
    names: { dns: ['leaf.test'] },
    usages: ['serverAuth', 'clientAuth'],
    notBeforeMs: Date.now() - 60_000,
    notAfterMs: Date.now() + 3_600_000,
    ...change,
  });
  return { key, keyPem: key.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), der, pem: toPem(der), serial };
}

/** The order of P-256's group. @see FIPS 186-4 §D.1.2.3 */
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/**
 * The twin of a certificate: same contents, the other valid ECDSA signature (s → n − s). It verifies and has another fingerprint.
 *
 * @see https://github.com/slackhq/nebula/issues/1600
 */
export function highSTwin(der: Buffer): Buffer {
  const [contents, algorithm] = childrenOf(der);
  const signature = childrenOf(der)[2]!.subarray(3); // BIT STRING: tag, length, unused bits
  const [r, s] = childrenOf(signature);
  const twin = wrap(0x30, Buffer.concat([r!, integer(ORDER - BigInt(`0x${s!.subarray(2).toString('hex')}`))]));
  return wrap(0x30, Buffer.concat([contents!, algorithm!, wrap(0x03, Buffer.concat([Buffer.from([0]), twin]))]));
}

/** One DER value: tag, length in its shortest form, contents. */
export function wrap(tag: number, contents: Uint8Array): Buffer {
  const { length } = contents;
  const long = length < 0x80 ? [] : length < 0x100 ? [0x81] : length < 0x10000 ? [0x82, length >> 8] : [0x83, length >> 16, (length >> 8) & 0xff];
  return Buffer.concat([Buffer.from([tag, ...long, length & 0xff]), contents]);
}

/** The DER values inside a constructed one. */
export function childrenOf(der: Buffer): Buffer[] {
  const children: Buffer[] = [];
  for (let at = headerBytes(der); at < der.length; ) {
    const rest = der.subarray(at);
    const size = headerBytes(rest) + lengthOf(rest);
    children.push(rest.subarray(0, size));
    at += size;
  }
  return children;
}

function headerBytes(der: Buffer): number {
  return der[1]! < 0x80 ? 2 : 2 + (der[1]! & 0x7f);
}

function lengthOf(der: Buffer): number {
  return der[1]! < 0x80 ? der[1]! : der.readUIntBE(2, der[1]! & 0x7f);
}

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const octets = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return wrap(0x02, octets[0]! > 0x7f ? Buffer.concat([Buffer.from([0]), octets]) : octets);
}
