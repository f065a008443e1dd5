import { describe, expect, it } from 'vitest';
import { NetworkTrust } from '../../src/client/peer-trust.js';
import { networkUri, routeUri, subjectUri, wireGuardUri } from '../../src/domain/certificate.js';
import { Peer, type TrustBundle } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { makeCrl } from '../../src/platform/x509/crl.js';
import { signTrustBundle } from '../../src/platform/x509/trust-bundle.js';
import { testCa, testLeaf, type TestCa } from '../support/test-ca.js';

const CLUSTER = 'cluster-1';
const WG_KEY = Buffer.alloc(32, 9);
const grpcCa = testCa('nc-grpc-ca g1');
const oldCa = testCa('nc-network-ca g1');
const newCa = testCa('nc-network-ca g2');

describe('a peer is not believed', () => {
  it.each([
    ['with another address than its certificate states', { bindIp: '10.66.0.6' }],
    ['with a second address that its certificate does not state', { bindIp6: 'fd00:66::5' }],
    ['with another WireGuard key', { wgPublicKey: Buffer.alloc(32, 8) }],
    ['under another id', { nodeId: 'n3' }],
    ['as the way to a network that its certificate does not state', { routes: ['192.168.7.0/24'] }],
    ['as the way to everywhere', { routes: ['0.0.0.0/0'] }],
    ['without a certificate', { networkCertificate: Buffer.alloc(0) }],
    ['with a certificate of a CA that is not trusted', { networkCertificate: certificate(newCa).der }],
  ])('%s', (_fault, change) => {
    expect(() => trust().verify({ ...aPeer(), ...change }, Date.now())).toThrow(expect.objectContaining({ code: 'certificate_invalid' }));
  });

  it('after its certificate has ended, and is told until when', () => {
    const untilMs = trust().verify(aPeer(), Date.now());

    expect(() => trust().verify(aPeer(), untilMs + 1000)).toThrow(expect.objectContaining({ code: 'certificate_invalid' }));
  });

  it('once it is on the revocation list', () => {
    const [trusted, leaf] = [trust(), certificate(oldCa)];
    const peer = aPeer(leaf.der);
    expect(trusted.verify(peer, Date.now())).toBeGreaterThan(0);

    expect(trusted.takeCrl(crl(2, oldCa, leaf.serial))).toBe(true);

    expect(() => trusted.verify(peer, Date.now())).toThrow(expect.objectContaining({ message: expect.stringContaining('revoked') }));
  });
});

describe('a peer with a certified route', () => {
  const withRoute = certificate(oldCa, 'default', ['192.168.7.0/24']).der;

  it.each([
    ['a part of it', ['192.168.7.0/25']],
    ['more than it', ['192.168.0.0/16']],
    ['it and another one', ['192.168.7.0/24', '10.9.0.0/16']],
    ['it in other words', ['192.168.7.1/24']],
    ['everything', ['0.0.0.0/0']],
  ])('is not believed when the map says %s', (_fault, routes) => {
    expect(() => trust().verify({ ...aPeer(withRoute), routes }, Date.now())).toThrow(expect.objectContaining({ code: 'certificate_invalid', message: expect.stringContaining('no way to') }));
  });

  it('is believed, with the route and without', () => {
    expect(trust().verify({ ...aPeer(withRoute), routes: ['192.168.7.0/24'] }, Date.now())).toBeGreaterThan(0);
    expect(trust().verify(aPeer(withRoute), Date.now())).toBeGreaterThan(0);
  });
});

describe('what came later is ignored when it is', () => {
  it('a revocation list with a lower number', () => {
    const [trusted, leaf] = [trust(), certificate(oldCa)];
    trusted.takeCrl(crl(5, oldCa, leaf.serial));

    expect(trusted.takeCrl(crl(4, oldCa))).toBe(false);
    expect(() => trusted.verify(aPeer(leaf.der), Date.now())).toThrow();
  });

  it('a revocation list of somebody else', () => {
    const leaf = certificate(oldCa);
    const trusted = trust();

    expect(trusted.takeCrl(crl(9, testCa('nc-network-ca g1'), leaf.serial))).toBe(false);
    expect(trusted.verify(aPeer(leaf.der), Date.now())).toBeGreaterThan(0);
  });

  it.each([
    ['a bundle of the same version', () => signTrustBundle(bundleOf(1, newCa), grpcCa.issuer.key)],
    ['a bundle that no trusted CA has signed', () => signTrustBundle(bundleOf(2, newCa), testCa().issuer.key)],
    ['a bundle without a network CA', () => signTrustBundle({ ...bundleOf(2, newCa), network: { certificates: [] } }, grpcCa.issuer.key)],
  ])('%s', (_fault, make) => {
    const kept: TrustBundle[] = [];
    const trusted = trust((bundle) => kept.push(bundle));

    expect(trusted.takeBundle(make())).toBe(false);
    expect([trusted.bundleVersion, kept]).toEqual([1, []]);
    expect(trusted.verify(aPeer(), Date.now())).toBeGreaterThan(0);
  });
});

it('a newer bundle of the trusted CA is taken and kept', () => {
  const kept: TrustBundle[] = [];
  const trusted = trust((bundle) => kept.push(bundle));

  expect(trusted.takeBundle(signTrustBundle(bundleOf(2, newCa), grpcCa.issuer.key))).toBe(true);

  expect(kept.map(({ version }) => version)).toEqual([2]);
  expect(trusted.verify(aPeer(certificate(newCa).der), Date.now())).toBeGreaterThan(0);
});

function trust(onBundle: (bundle: TrustBundle) => void = () => {}): NetworkTrust {
  const bundle = signTrustBundle(bundleOf(1, oldCa), grpcCa.issuer.key);
  return new NetworkTrust({ clusterId: CLUSTER, network: 'default', bundle, log: silentLog, onBundle });
}

function bundleOf(version: number, network: TestCa) {
  return { version, grpc: { certificates: [grpcCa.der] }, network: { certificates: [network.der] } };
}

function certificate(ca: TestCa, network = 'default', routes: readonly string[] = []) {
  const uris = [subjectUri(CLUSTER, { kind: 'node', id: 'n2' }), networkUri(CLUSTER, network), wireGuardUri(CLUSTER, WG_KEY.toString('base64url')), ...routes.map((route) => routeUri(CLUSTER, route))];
  return testLeaf(ca, { names: { uris, ips: ['10.66.0.5'] } });
}

function aPeer(networkCertificate = certificate(oldCa).der): Peer {
  return Peer.fromPartial({ nodeId: 'n2', bindIp: '10.66.0.5', wgPublicKey: WG_KEY, networkCertificate });
}

function crl(number: number, ca: TestCa, ...serials: string[]): Buffer {
  const revoked = serials.map((serial) => ({ serial, revokedAtMs: Date.now() }));
  return makeCrl(ca.issuer, { number, thisUpdateMs: Date.now() - 1000, nextUpdateMs: Date.now() + 3_600_000, revoked });
}
