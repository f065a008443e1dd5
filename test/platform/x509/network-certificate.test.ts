import { randomBytes, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LeafRequest } from '../../../src/platform/x509/certificate.js';
import { CaBundle } from '../../../src/platform/x509/ca-bundle.js';
import { makeCrl, readCrl } from '../../../src/platform/x509/crl.js';
import { checkPeerClaim, verifyNetworkCertificate, type NetworkTrust } from '../../../src/platform/x509/network-certificate.js';
import { toPem } from '../../../src/platform/x509/pem.js';
import { generateWireGuardKeys } from '../../../src/platform/wireguard/keys.js';
import { highSTwin, testCa, testLeaf } from '../../support/test-ca.js';

const NOW = Date.now();
const HOUR_MS = 3_600_000;
const ca = testCa('nc-network-ca g1');
const wg = generateWireGuardKeys().publicKey;
const NODE = 'nc://c1/node/n-1';
const NET = 'nc://c1/network/default';
const WG = `nc://c1/wg/${wg.toString('base64url')}`;
const IPS = ['10.66.0.5', 'fd00:66::5'];

const certificate = (change: Partial<LeafRequest> = {}, by = ca) => testLeaf(by, { names: { uris: [NODE, NET, WG], ips: IPS }, notBeforeMs: NOW - 60_000, notAfterMs: NOW + HOUR_MS, ...change });
const trust = (change: Partial<NetworkTrust> = {}): NetworkTrust => ({ bundle: new CaBundle([ca.der]), clusterId: 'c1', nowMs: NOW, ...change });
const refusedFor = (reason: RegExp) => expect.objectContaining({ code: 'certificate_invalid', message: expect.stringMatching(reason) });

describe('network certificate', () => {
  const expired = testCa('nc-network-ca g0', NOW - 2 * HOUR_MS, NOW - HOUR_MS);
  it.each([
    ['another CA of the same name', certificate({}, testCa('nc-network-ca g1')).der, /not issued by a trusted/],
    ['the CA itself', ca.der, /a CA is no node/],
    ['one usage only', certificate({ usages: ['clientAuth'] }).der, /both client and server/],
    ['another cluster', certificate({ names: { uris: [NODE, NET, WG].map((uri) => uri.replace('c1', 'c2')), ips: IPS } }).der, /cluster c1 only/],
    ['a key named in another cluster', certificate({ names: { uris: [NODE, NET, WG.replace('c1', 'c2')], ips: IPS } }).der, /cluster c1 only/],
    ['an admin', certificate({ names: { uris: ['nc://c1/admin/root', NET, WG], ips: IPS } }).der, /kind admin/],
    ['a relay', certificate({ names: { uris: ['nc://c1/relay/r-1', NET, WG], ips: IPS } }).der, /kind relay/],
    ['no node', certificate({ names: { uris: [NET, WG], ips: IPS } }).der, /want one subject/],
    ['two nodes', certificate({ names: { uris: [NODE, `${NODE}0`, NET, WG], ips: IPS } }).der, /want one subject/],
    ['no WireGuard key', certificate({ names: { uris: [NODE, NET], ips: IPS } }).der, /one WireGuard key/],
    ['two WireGuard keys', certificate({ names: { uris: [NODE, NET, WG, WG], ips: IPS } }).der, /one WireGuard key/],
    ['no network', certificate({ names: { uris: [NODE, WG], ips: IPS } }).der, /one network/],
    ['two networks', certificate({ names: { uris: [NODE, NET, `${NET}2`, WG], ips: IPS } }).der, /one network/],
    ['a network twice instead of a key', certificate({ names: { uris: [NODE, NET, NET], ips: IPS } }).der, /43 characters/],
    ['a key twice instead of a network', certificate({ names: { uris: [NODE, WG, WG], ips: IPS } }).der, /want the network/],
    ['a network of another cluster', certificate({ names: { uris: [NODE, NET.replace('c1', 'c2'), WG], ips: IPS } }).der, /cluster c1 only/],
    ['a short WireGuard key', certificate({ names: { uris: [NODE, NET, 'nc://c1/wg/AAAA'], ips: IPS } }).der, /43 characters/],
    ['a WireGuard key in another spelling', certificate({ names: { uris: [NODE, NET, `nc://c1/wg/${Buffer.alloc(32, 0xff).toString('base64url')}`], ips: IPS } }).der, /canonical/],
    ['no address', certificate({ names: { uris: [NODE, NET, WG] } }).der, /addresses/],
    ['a DNS name too', certificate({ names: { dns: ['server.c1.nc.internal'], uris: [NODE, NET, WG], ips: IPS } }).der, /nothing else/],
    ['a beginning in the future', certificate({ notBeforeMs: NOW + HOUR_MS }).der, /valid from/],
    ['an end in the past', certificate({ notAfterMs: NOW - 2000 }).der, /valid from/],
    ['a CA past its end', certificate({}, expired).der, /its CA is valid/],
    ['nothing', Buffer.alloc(0), /want DER/],
    ['PEM', Buffer.from(toPem(certificate().der)), /want DER/],
    ['an octet after the end', Buffer.concat([certificate().der, Buffer.alloc(1)]), /want DER/],
    ['too many octets', certificate({ names: { uris: [NODE, NET, WG], ips: Array.from({ length: 800 }, () => '10.0.0.1') } }).der, /want DER/],
    ['noise', randomBytes(600), /want DER/],
  ])('is refused with %s', (_what, der, reason) => {
    expect(() => verifyNetworkCertificate(der, trust({ bundle: new CaBundle([ca.der, expired.der]) }))).toThrow(refusedFor(reason));
  });

  it('is refused once its time is over or it is revoked, although it was accepted before', () => {
    const { der, serial } = certificate();
    const bundle = new CaBundle([ca.der]);
    verifyNetworkCertificate(der, trust({ bundle }));

    expect(() => verifyNetworkCertificate(der, trust({ bundle, nowMs: NOW + 2 * HOUR_MS }))).toThrow(refusedFor(/valid from/));
    expect(() => verifyNetworkCertificate(der, trust({ bundle, clusterId: 'c2' }))).toThrow(refusedFor(/cluster c2 only/));
    expect(() => verifyNetworkCertificate(der, trust({ bundle, crl: { serials: new Set([serial]) } }))).toThrow(refusedFor(/revoked/));
    expect(() => verifyNetworkCertificate(der, trust({ bundle: new CaBundle([]) }))).toThrow(refusedFor(/not issued/));
  });

  it('is refused when revoked, and so is its twin with another fingerprint', () => {
    const { der, serial } = certificate();
    const list = makeCrl(ca.issuer, { number: 1, thisUpdateMs: NOW, nextUpdateMs: NOW + HOUR_MS, revoked: [{ serial, revokedAtMs: NOW }] });
    const crl = readCrl(list, [ca.certificate]);
    expect(verifyNetworkCertificate(highSTwin(der), trust()).serial).toBe(serial);

    expect(() => verifyNetworkCertificate(der, trust({ crl }))).toThrow(refusedFor(/revoked/));
    expect(() => verifyNetworkCertificate(highSTwin(der), trust({ crl }))).toThrow(refusedFor(/revoked/));
  });

  it('is refused with any one bit flipped', () => {
    const { der } = certificate();
    const bundle = new CaBundle([ca.der]);
    const genuine = verifyNetworkCertificate(der, trust({ bundle }));
    for (let bit = 0; bit < der.length * 8; bit++) {
      const flipped = Buffer.from(der);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(() => verifyNetworkCertificate(flipped, trust({ bundle })), `bit ${bit}`).toThrow(refusedFor(/./));
    }
    expect(genuine.nodeId).toBe('n-1');
  });

  it('answers any octets whatever with a refusal', () => {
    const { der } = certificate();
    const bundle = new CaBundle([ca.der]);
    const mutants = fc
      .array(fc.record({ at: fc.nat(der.length - 1), cut: fc.nat(4), insert: fc.uint8Array({ maxLength: 8 }) }), { minLength: 1, maxLength: 4 })
      .map((edits) => edits.reduce((octets, { at, cut, insert }) => Buffer.concat([octets.subarray(0, at), insert, octets.subarray(at + cut)]), der));
    fc.assert(
      fc.property(fc.oneof(mutants, fc.uint8Array({ maxLength: 1000 })), (octets) => {
        if (der.equals(octets)) return;
        expect(() => verifyNetworkCertificate(octets, trust({ bundle }))).toThrow(refusedFor(/./));
      }),
      { seed: 20260106, numRuns: 2000 },
    );
  });

  it('says whose it is, with which key and addresses, until when', () => {
    const { der, serial } = certificate();

    const identity = verifyNetworkCertificate(der, trust({ crl: { serials: new Set(['00']) } }));

    const notAfterMs = Date.parse(new X509Certificate(der).validTo);
    expect(identity).toEqual({ serial, nodeId: 'n-1', network: 'default', wgPublicKey: wg, addresses: IPS, routes: [], notAfterMs });
  });

  it('is accepted from either of two CAs of one name', () => {
    const twin = testCa('nc-network-ca g1');
    const bundle = new CaBundle([twin.der, ca.der]);

    expect([certificate(), certificate({}, twin)].map(({ der }) => verifyNetworkCertificate(der, trust({ bundle })).nodeId)).toEqual(['n-1', 'n-1']);
  });

  it('does not let a leaf into the bundle', () => {
    for (const der of [certificate().der, Buffer.alloc(3), Buffer.from(ca.pem)]) {
      expect(() => new CaBundle([ca.der, der])).toThrow(refusedFor(/./));
    }
  });
});

describe('claim of a peer', () => {
  const identity = verifyNetworkCertificate(certificate().der, trust());
  const claim = { nodeId: 'n-1', network: 'default', wgPublicKey: wg, addresses: IPS };

  it.each([
    ['another node', { nodeId: 'n-2' }],
    ['another network', { network: 'lab' }],
    ['another WireGuard key', { wgPublicKey: generateWireGuardKeys().publicKey }],
    ['another address', { addresses: ['10.66.0.6'] }],
    ['one address too many', { addresses: [...IPS, '10.66.0.6'] }],
    ['a whole network', { addresses: ['10.66.0.0/24'] }],
    ['no address', { addresses: [] }],
    ['an address that only some would read as the certified one', { addresses: ['10.66.5'] }],
    ['a text that is no address', { addresses: [''] }],
  ])('is refused for %s', (_what, change) => {
    expect(() => checkPeerClaim(identity, { ...claim, ...change })).toThrow(refusedFor(/./));
  });

  it('is accepted as certified, in any spelling of the addresses', () => {
    expect(() => checkPeerClaim(identity, claim)).not.toThrow();
    expect(() => checkPeerClaim(identity, { ...claim, addresses: ['FD00:66:0:0::5'] })).not.toThrow();
  });
});
