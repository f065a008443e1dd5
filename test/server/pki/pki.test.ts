import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { BACKDATE_MS, DEFAULT_LIFETIMES } from '../../../src/domain/certificate.js';
import { CaBundle } from '../../../src/platform/x509/ca-bundle.js';
import { readCrl } from '../../../src/platform/x509/crl.js';
import { csrSpki, makeCsr } from '../../../src/platform/x509/csr.js';
import { verifyNetworkCertificate } from '../../../src/platform/x509/network-certificate.js';
import { generateP256, spkiPin } from '../../../src/platform/x509/p256.js';
import { fromPem, toPem } from '../../../src/platform/x509/pem.js';
import { readTrustBundle } from '../../../src/platform/x509/trust-bundle.js';
import { generateWireGuardKeys } from '../../../src/platform/wireguard/keys.js';
import { createAuthority } from '../../../src/server/pki/ca.js';
import { createPki, openPki, type NodeCertificateRequest, type Pki, type RelayCertificateRequest } from '../../../src/server/pki/pki.js';
import { openssl } from '../../support/openssl.js';
import { tmpDir } from '../../support/tmp-dir.js';

const NOW = Math.floor(Date.now() / 1000) * 1000;
const FILES = ['grpc-ca.g1.crt', 'grpc-ca.g1.key', 'network-ca.g1.crt', 'network-ca.g1.key'];

const freshDir = () => join(tmpDir(), 'work', 'pki');
const create = (dir = freshDir()) => createPki({ dir, clusterId: 'c1', nowMs: NOW });
const nodeRequest = (change: Partial<NodeCertificateRequest> = {}): NodeCertificateRequest => ({
  nodeId: 'n-1', network: 'default',
  grpcSpki: generateP256().spki,
  networkSpki: generateP256().spki,
  wgPublicKey: generateWireGuardKeys().publicKey,
  addresses: ['10.66.0.5', 'fd00:66::5'],
  routes: [],
  nowMs: NOW,
  ...change,
});

describe('CA files', () => {
  it('are not there before init', async () => {
    await expect(openPki({ dir: freshDir(), clusterId: 'c1' })).rejects.toMatchObject({ code: 'not_initialised' });
  });

  it('are never made twice', async () => {
    const dir = freshDir();
    const first = await create(dir);

    await expect(create(dir)).rejects.toMatchObject({ code: 'already_initialised' });

    expect((await openPki({ dir, clusterId: 'c1' })).pins).toEqual(first.pins);
  });

  it.each(FILES)('are completed after a crash that left everything but %s', async (missing) => {
    const dir = freshDir();
    await create(dir);
    if (missing.endsWith('.key')) rmSync(join(dir, missing.replace('.key', '.crt')));
    rmSync(join(dir, missing));

    const pki = await create(dir);

    expect(readdirSync(dir).sort()).toEqual(FILES);
    expect(pki.pins).toEqual((await openPki({ dir, clusterId: 'c1' })).pins);
  });

  it('keep their key when only the certificate was lost, so that join strings stay good', async () => {
    const dir = freshDir();
    const { pins } = await create(dir);
    rmSync(join(dir, 'grpc-ca.g1.crt'));

    expect((await create(dir)).pins).toEqual(pins);
  });

  it('are refused when a key was lost, and no other is put in its place', async () => {
    const dir = freshDir();
    await create(dir);
    rmSync(join(dir, 'grpc-ca.g1.key'));

    await expect(create(dir)).rejects.toMatchObject({ code: 'already_initialised' });

    expect(readdirSync(dir)).not.toContain('grpc-ca.g1.key');
  });

  it.each([
    ['a key that others can read', (dir: string) => chmodSync(join(dir, 'grpc-ca.g1.key'), 0o644), 'key_file_unsafe'],
    ['the key of the other CA', (dir: string) => copyFileSync(join(dir, 'network-ca.g1.key'), join(dir, 'grpc-ca.g1.key')), 'state_invalid'],
    ['the certificate of the other CA', (dir: string) => copyFileSync(join(dir, 'network-ca.g1.crt'), join(dir, 'grpc-ca.g1.crt')), 'state_invalid'],
    ['a key that is none', (dir: string) => writeFileSync(join(dir, 'grpc-ca.g1.key'), 'x'), 'state_invalid'],
    ['a key of another curve', (dir: string) => writeFileSync(join(dir, 'grpc-ca.g1.key'), openssl(['genpkey', '-algorithm', 'ed25519'], {})), 'state_invalid'],
  ])('are refused with %s', async (_what, spoil, code) => {
    const dir = freshDir();
    await create(dir);
    spoil(dir);

    await expect(openPki({ dir, clusterId: 'c1' })).rejects.toMatchObject({ code });
  });

  it('are private: 0700 folder, 0600 keys', async () => {
    const dir = freshDir();
    await create(dir);

    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(readdirSync(dir).sort()).toEqual(FILES);
    for (const key of FILES.filter((name) => name.endsWith('.key'))) expect(statSync(join(dir, key)).mode & 0o777).toBe(0o600);
  });

  it('say what they are, live ten years and may sign no further CA', async () => {
    const dir = freshDir();
    await create(dir);
    for (const purpose of ['grpc', 'network']) {
      const ca = new X509Certificate(readFileSync(join(dir, `${purpose}-ca.g1.crt`)));

      expect(ca.subject).toBe(`CN=nc-${purpose}-ca g1`);
      expect(Date.parse(ca.validTo) - NOW).toBe(DEFAULT_LIFETIMES.caMs);
      expect(openssl(['x509', '-noout', '-text', '-in', '@ca'], { ca: ca.toString() })).toMatch(/CA:TRUE, pathlen:0/);
      expect(openssl(['verify', '-x509_strict', '-check_ss_sig', '-CAfile', '@ca', '@ca'], { ca: ca.toString() })).toContain(': OK');
    }
  });
});

describe('PKI', () => {
  let pki: Pki;
  beforeEach(async () => {
    pki = await create();
  });

  it.each([
    ['an id that is no name', { nodeId: 'a/b' }],
    ['an empty id', { nodeId: '' }],
    ['a key of another kind', { grpcSpki: Buffer.alloc(91) }],
    ['a WireGuard key of no length', { wgPublicKey: Buffer.alloc(0) }],
    ['an address that is none', { addresses: ['10.66.0.0/24'] }],
  ])('refuses to certify %s', (_what, change) => {
    expect(() => pki.issueNodeCertificates(nodeRequest(change))).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it.each([0, -1, Number.NaN, 31 * 86_400_000])('refuses an admin certificate of %d ms', (lifetimeMs) => {
    const request = { name: 'alice', spki: generateP256().spki, nowMs: NOW, lifetimeMs };

    expect(() => pki.issueAdminCertificate(request)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('gives everything that it issues openssl\'s strict approval, for its purpose and from its CA only', () => {
    const node = pki.issueNodeCertificates(nodeRequest());
    const server = pki.issueServerCertificate({ hosts: ['controller.example', '192.0.2.7', '2001:db8::7'], nowMs: NOW });
    const admin = pki.issueAdminCertificate({ name: 'alice', spki: generateP256().spki, nowMs: NOW });
    const relay = pki.issueRelayCertificates(relayRequest());
    const verify = (ca: 'grpc' | 'network', purpose: 'sslserver' | 'sslclient', pem: string) =>
      openssl(['verify', '-x509_strict', '-purpose', purpose, '-CAfile', '@ca', '@leaf'], { ca: pki.caPem(ca), leaf: pem });

    const fine: Parameters<typeof verify>[] = [
      ['grpc', 'sslclient', toPem(node.grpc.der)],
      ['grpc', 'sslserver', server.chainPem],
      ['grpc', 'sslclient', toPem(admin.der)],
      ['network', 'sslclient', toPem(node.network.der)],
      ['network', 'sslserver', toPem(node.network.der)],
      ['grpc', 'sslclient', toPem(relay.grpc.der)],
      ['network', 'sslclient', toPem(relay.network.der)],
      ['network', 'sslserver', toPem(relay.network.der)],
    ];
    for (const each of fine) expect(verify(...each)).toContain(': OK');
    const wrong: Parameters<typeof verify>[] = [
      ['network', 'sslclient', toPem(node.grpc.der)],
      ['grpc', 'sslclient', toPem(node.network.der)],
      ['grpc', 'sslserver', toPem(node.grpc.der)],
      ['grpc', 'sslserver', toPem(admin.der)],
      ['grpc', 'sslserver', toPem(relay.grpc.der)],
      ['grpc', 'sslclient', toPem(relay.network.der)],
      ['grpc', 'sslclient', server.chainPem],
    ];
    for (const each of wrong) expect(() => verify(...each)).toThrow();
  });

  it('certifies only the key of a request, whatever else it asks for', () => {
    const key = generateP256();
    const spki = csrSpki(makeCsr(key, 'admin'));

    const { grpc, network } = pki.issueNodeCertificates(nodeRequest({ grpcSpki: spki }));

    const certificate = new X509Certificate(grpc.der);
    expect([certificate.subject, certificate.subjectAltName, certificate.ca]).toEqual(['CN=n-1', 'URI:nc://c1/node/n-1', false]);
    expect(certificate.checkPrivateKey(key.privateKey)).toBe(true);
    expect(new X509Certificate(network.der).checkPrivateKey(key.privateKey)).toBe(false);
  });

  it('issues network certificates that peers accept', () => {
    const request = nodeRequest();
    const { network } = pki.issueNodeCertificates(request);
    const trust = { bundle: new CaBundle(fromPem(pki.caPem('network'))), clusterId: 'c1', nowMs: NOW };

    expect(verifyNetworkCertificate(network.der, trust)).toEqual({
      serial: network.serial,
      nodeId: 'n-1',
      routes: [],
      network: 'default',
      wgPublicKey: request.wgPublicKey,
      addresses: request.addresses,
      notAfterMs: NOW + DEFAULT_LIFETIMES.nodeNetworkMs,
    });
    expect(() => verifyNetworkCertificate(pki.issueNodeCertificates(request).grpc.der, trust)).toThrow(/not issued by a trusted/);
  });

  it('gives every certificate the lifetime configured for it, beginning five minutes ago', async () => {
    const dir = freshDir();
    await create(dir);
    const lifetimes = { caMs: 0, serverMs: 2000, nodeGrpcMs: 3000, nodeNetworkMs: 4000, relayMs: 5000, adminMs: 6000 };
    const short = await openPki({ dir, clusterId: 'c1', lifetimes });
    const spki = generateP256().spki;
    const node = short.issueNodeCertificates(nodeRequest());
    const server = short.issueServerCertificate({ hosts: [], nowMs: NOW });
    const all = [server, node.grpc, node.network, short.issueRelayCertificates(relayRequest()).network, short.issueAdminCertificate({ name: 'a', spki, nowMs: NOW })];

    expect(all.map(({ notAfterMs }) => notAfterMs - NOW)).toEqual([2000, 3000, 4000, 5000, 6000]);
    expect(Date.parse(new X509Certificate(node.grpc.der).validFrom)).toBe(NOW - BACKDATE_MS);
    expect(Date.parse(new X509Certificate(server.chainPem).validTo)).toBe(server.notAfterMs);
  });

  it('shows the CA of its pin in the server\'s chain, and no node\'s name', () => {
    const { chainPem, privateKeyPem, serial } = pki.issueServerCertificate({ hosts: ['controller.example', '192.0.2.7'], nowMs: NOW });
    const [leaf, ca] = fromPem(chainPem).map((der) => new X509Certificate(der));

    expect(leaf?.subjectAltName).toBe('DNS:server.c1.nc.internal, DNS:controller.example, IP Address:192.0.2.7');
    expect(leaf?.serialNumber).toBe(serial);
    expect(pki.pins).toEqual([spkiPin(ca!.publicKey.export({ type: 'spki', format: 'der' }))]);
    expect(privateKeyPem).toContain('BEGIN PRIVATE KEY');
  });

  it('makes revocation lists that peers read and openssl honours', () => {
    const [good, bad] = [pki.issueNodeCertificates(nodeRequest()).network, pki.issueNodeCertificates(nodeRequest()).network];
    const der = pki.makeCrl({ number: 3, revoked: [{ serial: bad.serial, revokedAtMs: NOW }], nowMs: NOW });
    const files = { ca: pki.caPem('network'), crl: toPem(der, 'X509 CRL'), good: toPem(good.der), bad: toPem(bad.der) };
    const verify = (name: string) => openssl(['verify', '-x509_strict', '-crl_check', '-CRLfile', '@crl', '-CAfile', '@ca', `@${name}`], files);

    expect(readCrl(der, new CaBundle(fromPem(pki.caPem('network'))).certificates)).toMatchObject({ number: 3, serials: new Set([bad.serial]) });
    expect(verify('good')).toContain(': OK');
    expect(() => verify('bad')).toThrow(/certificate revoked/);
  });

  it('derives a secret for each purpose that only the holder of the CA can', async () => {
    const [one, again, other, foreign] = [pki.deriveSecret('a'), pki.deriveSecret('a'), pki.deriveSecret('b'), (await create()).deriveSecret('a')];

    expect(one).toEqual(again);
    expect(new Set([one, other, foreign].map((secret) => secret.toString('hex'))).size).toBe(3);
    expect(one).toHaveLength(32);
  });
});

describe('trust bundle', () => {
  it('is refused when altered, signed by another cluster or empty', async () => {
    const [pki, other] = [await create(), await create()];
    const bundle = pki.trustBundle(1);
    const trusted = new CaBundle(fromPem(pki.caPem('grpc')));
    const spoilt = [
      { ...bundle, version: 2 },
      { ...bundle, network: other.trustBundle(1).network },
      { ...bundle, grpc: { certificates: [...bundle.grpc!.certificates, ...other.trustBundle(1).grpc!.certificates] } },
      { ...bundle, signature: Buffer.alloc(0) },
      other.trustBundle(1),
    ];

    for (const each of spoilt) expect(() => readTrustBundle(each, trusted)).toThrow(expect.objectContaining({ code: 'certificate_invalid' }));
  });

  it('is trusted from the pinned CA on, and its successor from it', async () => {
    const dir = freshDir();
    const first = await create(dir);
    await createAuthority(dir, 'grpc', 2, { nowMs: NOW, lifetimeMs: 1_000_000 });
    const second = await openPki({ dir, clusterId: 'c1' });

    const before = readTrustBundle(first.trustBundle(1), new CaBundle(fromPem(first.caPem('grpc'))));
    const both = { active: 1, trusted: [1, 2] };
    const after = readTrustBundle(second.trustBundle(2, { grpc: both, network: { active: 1, trusted: [1] } }), before.grpc);
    const pinsBefore = second.pins;
    second.follow({ grpc: both, network: { active: 1, trusted: [1] } });

    expect([before.version, before.grpc.certificates.length, before.network.certificates.length]).toEqual([1, 1, 1]);
    expect([after.version, after.grpc.certificates.length, after.network.certificates.length]).toEqual([2, 2, 1]);
    expect(pinsBefore).toEqual(first.pins);
    expect(second.pins).toEqual([first.pins[0], expect.not.stringContaining(first.pins[0]!)]);
    expect([first.pinnedGeneration, second.pinnedGeneration]).toEqual([1, 2]);
  });

  it('is signed by whoever signs, and what a retired CA signed is believed no more', async () => {
    const dir = freshDir();
    const pki = await create(dir);
    await pki.make('grpc', 2, NOW);
    const one = { active: 1, trusted: [1] };
    const first = readTrustBundle(pki.trustBundle(1), new CaBundle(fromPem(pki.caPem('grpc'))));
    const second = readTrustBundle(pki.trustBundle(2, { grpc: { active: 1, trusted: [1, 2] }, network: one }), first.grpc);
    const last = pki.trustBundle(3, { grpc: { active: 2, trusted: [2] }, network: one });

    expect(() => readTrustBundle(last, first.grpc)).toThrow(expect.objectContaining({ code: 'certificate_invalid' }));
    const third = readTrustBundle(last, second.grpc);
    expect(() => readTrustBundle(pki.trustBundle(4), third.grpc)).toThrow(expect.objectContaining({ code: 'certificate_invalid' }));
  });

  it('cannot name a generation whose key is not there', async () => {
    const pki = await create();

    expect(() => pki.follow({ grpc: { active: 7, trusted: [7] }, network: { active: 1, trusted: [1] } })).toThrow(expect.objectContaining({ code: 'state_invalid' }));
    expect(pki.standing.grpc.active).toBe(1);
  });

  it('finds the next generation again that a crash left behind', async () => {
    const dir = freshDir();
    const pki = await create(dir);
    const made = await pki.make('network', 2, NOW);

    const again = await (await openPki({ dir, clusterId: 'c1' })).make('network', 2, NOW + 1000);

    expect(again.certificate.raw.equals(made.certificate.raw)).toBe(true);
  });
});

function relayRequest(): RelayCertificateRequest {
  return { name: 'r-1', grpcSpki: generateP256().spki, networkSpki: generateP256().spki, wgPublicKey: Buffer.alloc(32, 9), nowMs: NOW };
}
