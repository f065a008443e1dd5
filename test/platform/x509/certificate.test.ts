import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issueLeafCertificate } from '../../../src/platform/x509/certificate.js';
import { makeCrl, readCrl, type CrlRequest } from '../../../src/platform/x509/crl.js';
import { generateP256, p256KeyPair, spkiPin } from '../../../src/platform/x509/p256.js';
import { fromPem, toPem } from '../../../src/platform/x509/pem.js';
import { openssl } from '../../support/openssl.js';
import { childrenOf, highSTwin, testCa, testLeaf, wrap } from '../../support/test-ca.js';

const ca = testCa();
const NOW = Date.now();
const HOUR_MS = 3_600_000;

describe('certificate', () => {
  const request = { spki: generateP256().spki, commonName: 'n', names: {}, usages: ['clientAuth'], notBeforeMs: NOW, notAfterMs: NOW + HOUR_MS } as const;

  it.each([
    ['an empty common name', { commonName: '' }],
    ['a common name that is too long', { commonName: 'n'.repeat(65) }],
    ['no key', { spki: Buffer.alloc(0) }],
    ['a key with a wrong prefix', { spki: Buffer.alloc(91) }],
    ['a URI that would read as two names', { names: { uris: ['nc://c1/node/a, IP Address:10.0.0.1'] } }],
    ['a URI with a quote', { names: { uris: ['nc://c1/"'] } }],
    ['a URI with a line break', { names: { uris: ['nc://c1/\n'] } }],
    ['a DNS name outside ASCII', { names: { dns: ['nöde'] } }],
    ['a DNS name with a NUL', { names: { dns: ['good.example\0.evil'] } }],
    ['an empty DNS name', { names: { dns: [''] } }],
    ['half an address', { names: { ips: ['10.0.0'] } }],
    ['an address with a zone', { names: { ips: ['fe80::1%eth0'] } }],
    ['an address with a prefix length', { names: { ips: ['10.0.0.0/8'] } }],
  ])('refuses to issue for %s', (_what, change) => {
    expect(() => issueLeafCertificate(ca.issuer, { ...request, ...change })).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('is accepted by openssl under its strict rules, CA and leaf, until 2050 and after', () => {
    for (const end of [NOW + HOUR_MS, Date.UTC(2049, 11, 31, 23, 59, 59), Date.UTC(2050, 0, 1), Date.UTC(2120, 5, 1)]) {
      const far = testCa('nc-far-ca g1', NOW - HOUR_MS, end);
      const leaf = testLeaf(far, { notAfterMs: end, names: { dns: ['a.test'], uris: ['nc://c1/node/n-1'], ips: ['10.66.0.5', 'fd00:66::5'] } });
      for (const purpose of ['sslserver', 'sslclient']) {
        const said = openssl(['verify', '-x509_strict', '-purpose', purpose, '-CAfile', '@ca.pem', '@leaf.pem'], { 'ca.pem': far.pem, 'leaf.pem': leaf.pem });

        expect(said).toContain(': OK');
      }
      expect(Date.parse(new X509Certificate(leaf.der).validTo)).toBe(Math.floor(end / 1000) * 1000);
    }
  });

  it('says exactly what was asked for', () => {
    const names = { dns: ['a.test'], uris: ['nc://c1/node/n-1'], ips: ['10.66.0.5', 'fd00:66::5'] };
    const leaf = testLeaf(ca, { commonName: 'n-1 ünïcode', names, usages: ['clientAuth'] });

    const read = new X509Certificate(leaf.der);

    expect(read.subject).toBe('CN=n-1 ünïcode');
    expect(read.issuer).toBe('CN=nc-test-ca g1');
    expect(read.serialNumber).toBe(leaf.serial);
    expect(read.subjectAltName).toBe('DNS:a.test, URI:nc://c1/node/n-1, IP Address:10.66.0.5, IP Address:FD00:66:0:0:0:0:0:5');
    expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
    expect([read.ca, ca.certificate.ca]).toEqual([false, true]);
    expect(read.checkIssued(ca.certificate) && read.verify(ca.certificate.publicKey)).toBe(true);
    expect(read.publicKey.export({ type: 'spki', format: 'der' })).toEqual(leaf.key.spki);
  });

  it('does not let a leaf for one role be used in the other, nor a leaf sign', () => {
    const client = testLeaf(ca, { usages: ['clientAuth'] });
    const child = testLeaf({ ...ca, issuer: { commonName: 'leaf', key: client.key } }, {});
    const files = { 'ca.pem': ca.pem, 'client.pem': client.pem, 'child.pem': child.pem };

    expect(() => openssl(['verify', '-purpose', 'sslserver', '-CAfile', '@ca.pem', '@client.pem'], files)).toThrow(/purpose/);
    expect(() => openssl(['verify', '-CAfile', '@ca.pem', '-untrusted', '@client.pem', '@child.pem'], files)).toThrow(/invalid CA certificate|error 24|error 79|error 32/);
  });

  it('never gives one serial twice and gives all the same length', () => {
    const serials = Array.from({ length: 500 }, () => testLeaf(ca, {}, ca.issuer.key).serial);

    expect(new Set(serials).size).toBe(serials.length);
    expect(serials.every((serial) => /^[4-7][0-9A-F]{31}$/.test(serial))).toBe(true);
  });

  it('has a twin with another fingerprint that verifies, and the same serial: only the serial can be revoked', () => {
    const leaf = testLeaf(ca);
    const [original, twin] = [new X509Certificate(leaf.der), new X509Certificate(highSTwin(leaf.der))];

    expect(twin.verify(ca.certificate.publicKey)).toBe(true);
    expect(twin.fingerprint256).not.toBe(original.fingerprint256);
    expect(twin.serialNumber).toBe(leaf.serial);
  });

  it('goes through PEM and back', () => {
    const text = `first:\n${ca.pem}\nsecond:\r\n${testLeaf(ca).pem}${toPem(Buffer.from('x'), 'X509 CRL')}`;

    expect(fromPem(ca.pem)).toEqual([ca.der]);
    expect(fromPem(text)).toHaveLength(2);
    expect(toPem(ca.der)).toBe(ca.certificate.toString());
    expect(openssl(['x509', '-in', '@ca.pem', '-outform', 'PEM'], { 'ca.pem': ca.pem })).toBe(ca.pem);
  });
});

describe('P-256 key', () => {
  it('is refused when it is of another curve', () => {
    const other = openssl(['ecparam', '-name', 'secp384r1', '-genkey', '-noout'], {});

    expect(() => p256KeyPair(createPrivateKey(other))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('has the pin that openssl computes', () => {
    const spki = openssl(['x509', '-noout', '-pubkey', '-in', '@ca.pem'], { 'ca.pem': ca.pem });

    expect(spkiPin(Buffer.from(spki.replace(/-----[^-]+-----/g, ''), 'base64'))).toBe(spkiPin(ca.issuer.key.spki));
    expect(spkiPin(ca.issuer.key.spki)).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });
});

describe('revocation list', () => {
  const list = (change: Partial<CrlRequest> = {}): Buffer =>
    makeCrl(ca.issuer, { number: 7, thisUpdateMs: NOW - HOUR_MS, nextUpdateMs: NOW + HOUR_MS, revoked: [], ...change });
  const refused = expect.objectContaining({ code: 'certificate_invalid' });

  it('refuses every list with one bit flipped', () => {
    const der = list({ revoked: [{ serial: testLeaf(ca).serial, revokedAtMs: NOW }] });
    for (let bit = 0; bit < der.length * 8; bit++) {
      const flipped = Buffer.from(der);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => readCrl(flipped, [ca.certificate]), `bit ${bit}`).toThrow(refused);
    }
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['more than a mebibyte', Buffer.alloc((1 << 20) + 1)],
    ['a certificate', ca.der],
    ['a list of another CA', makeCrl(testCa().issuer, { number: 8, thisUpdateMs: NOW, nextUpdateMs: NOW, revoked: [] })],
    ['a list with another algorithm', wrap(0x30, Buffer.concat([childrenOf(list())[0]!, wrap(0x30, Buffer.from('06082a8648ce3d040303', 'hex')), childrenOf(list())[2]!]))],
  ])('refuses %s', (_what, der) => {
    expect(() => readCrl(der, [ca.certificate])).toThrow(refused);
  });

  it('refuses every list when no CA is trusted', () => {
    expect(() => readCrl(list(), [])).toThrow(refused);
  });

  it('says which serials are revoked, its number and its times', () => {
    const serials = [testLeaf(ca).serial, testLeaf(ca).serial];
    const der = list({ number: 2 ** 53 - 1, revoked: serials.map((serial) => ({ serial, revokedAtMs: NOW })) });

    const crl = readCrl(der, [testCa().certificate, ca.certificate]);

    expect(crl.serials).toEqual(new Set(serials));
    expect(crl.number).toBe(2 ** 53 - 1);
    expect([crl.thisUpdateMs, crl.nextUpdateMs]).toEqual([NOW - HOUR_MS, NOW + HOUR_MS].map((ms) => Math.floor(ms / 1000) * 1000));
    expect(readCrl(list({ number: 0 }), [ca.certificate])).toMatchObject({ number: 0, serials: new Set() });
  });

  it('is honoured by openssl: the revoked leaf and its twin are refused, the other is not', () => {
    const [good, bad] = [testLeaf(ca), testLeaf(ca)];
    const crl = toPem(list({ revoked: [{ serial: bad.serial, revokedAtMs: NOW }] }), 'X509 CRL');
    const files = { 'ca.pem': ca.pem, 'crl.pem': crl, 'good.pem': good.pem, 'bad.pem': bad.pem, 'twin.pem': toPem(highSTwin(bad.der)) };
    const verify = (name: string) => openssl(['verify', '-x509_strict', '-crl_check', '-CRLfile', '@crl.pem', '-CAfile', '@ca.pem', `@${name}.pem`], files);

    expect(verify('good')).toContain(': OK');
    expect(() => verify('bad')).toThrow(/certificate revoked/);
    expect(() => verify('twin')).toThrow(/certificate revoked/);
  });

  it('is accepted by openssl when nothing is revoked', () => {
    const files = { 'ca.pem': ca.pem, 'crl.pem': toPem(list(), 'X509 CRL'), 'leaf.pem': testLeaf(ca).pem };

    expect(openssl(['verify', '-x509_strict', '-crl_check', '-CRLfile', '@crl.pem', '-CAfile', '@ca.pem', '@leaf.pem'], files)).toContain(': OK');
    expect(openssl(['crl', '-noout', '-crlnumber', '-in', '@crl.pem'], files)).toContain('7');
  });
});
