import { describe, expect, it } from 'vitest';
import { checkGrant } from '../../src/client/check-grant.js';
import { makeMemberKeys, openMemberKeys } from '../../src/platform/member-keys.js';
import { networkUri, subjectUri, wireGuardUri } from '../../src/domain/certificate.js';
import { RegisterResponse } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { testCa, testLeaf } from '../support/test-ca.js';

const CLUSTER = 'cluster-1';
const keys = openMemberKeys(makeMemberKeys(), 'node');
const grpcCa = testCa('nc-grpc-ca g1');
const networkCa = testCa('nc-network-ca g1');
const context = { keys, pinnedCa: grpcCa.der, clusterId: CLUSTER, network: 'default', nowMs: Date.now() };

/** What a certificate of the grant may say differently from what it should. */
interface Twist {
  readonly nodeId?: string;
  readonly cluster?: string;
  readonly ip?: string;
  readonly wgKey?: Buffer;
  readonly network?: string;
  readonly validForMs?: number;
}

describe('a grant is refused when', () => {
  it.each([
    ['it is of another cluster', aGrant({ clusterId: 'cluster-2' })],
    ['the bundle lacks the pinned CA', aGrant({ bundle: bundle(testCa('nc-grpc-ca g1').der) })],
    ['the bundle has no network CA', aGrant({ bundle: { ...bundle(grpcCa.der), network: { certificates: [] } } })],
    ['it has no gRPC certificate', aGrant({ grpcCertificate: Buffer.alloc(0) })],
    ['the gRPC certificate is of another key', aGrant({ grpcCertificate: grpcCertificate({}, generateP256()) })],
    ['the gRPC certificate is of another node', aGrant({ grpcCertificate: grpcCertificate({ nodeId: 'n2' }) })],
    ['the gRPC certificate is of another cluster', aGrant({ grpcCertificate: grpcCertificate({ cluster: 'cluster-2' }) })],
    ['the gRPC certificate is of another CA', aGrant({ grpcCertificate: grpcCertificate({}, keys.grpc, networkCa) })],
    ['the gRPC certificate has ended', aGrant({ grpcCertificate: grpcCertificate({ validForMs: -1000 }) })],
    ['the network certificate is of another key', aGrant({ networkCertificate: networkCertificate({}, generateP256()) })],
    ['the network certificate is of another CA', aGrant({ networkCertificate: networkCertificate({}, keys.network, grpcCa) })],
    ['the network certificate states another address', aGrant({ networkCertificate: networkCertificate({ ip: '10.66.0.6' }) })],
    ['the network certificate states another WireGuard key', aGrant({ networkCertificate: networkCertificate({ wgKey: Buffer.alloc(32, 9) }) })],
    ['the network certificate is of another network', aGrant({ networkCertificate: networkCertificate({ network: 'lab' }) })],
    ['the network certificate is of another node', aGrant({ networkCertificate: networkCertificate({ nodeId: 'n2' }) })],
    ['an address was granted that no certificate states', aGrant({ bindIp6: 'fd00:66::5' })],
    ['the node token is of another node', aGrant({ nodeToken: `ncn1_n2.${'A'.repeat(43)}` })],
  ])('%s', (_fault, grant) => {
    expect(() => checkGrant(grant, context)).toThrow(expect.objectContaining({ code: 'certificate_invalid' }));
  });

  it('the node token is none', () => {
    expect(() => checkGrant(aGrant({ nodeToken: 'secret' }), context)).toThrow(expect.objectContaining({ code: 'token_invalid' }));
  });
});

it('a grant is accepted when everything in it is of this node', () => {
  expect(() => checkGrant(aGrant(), context)).not.toThrow();
});

function aGrant(change: Partial<RegisterResponse> = {}): RegisterResponse {
  return RegisterResponse.fromPartial({
    nodeId: 'n1',
    clusterId: CLUSTER,
    nodeToken: `ncn1_n1.${'A'.repeat(43)}`,
    bindIp: '10.66.0.5',
    grpcCertificate: grpcCertificate({}),
    networkCertificate: networkCertificate({}),
    bundle: bundle(grpcCa.der),
    ...change,
  });
}

function bundle(grpc: Buffer) {
  return { version: 1, grpc: { certificates: [grpc] }, network: { certificates: [networkCa.der] }, signature: Buffer.alloc(0) };
}

function grpcCertificate({ nodeId = 'n1', cluster = CLUSTER, validForMs = 3_600_000 }: Twist, key = keys.grpc, ca = grpcCa): Buffer {
  const names = { uris: [subjectUri(cluster, { kind: 'node', id: nodeId })] };
  return testLeaf(ca, { names, usages: ['clientAuth'], notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + validForMs }, key).der;
}

function networkCertificate({ nodeId = 'n1', cluster = CLUSTER, ip = '10.66.0.5', wgKey = keys.wgPublicKey, network = 'default' }: Twist, key = keys.network, ca = networkCa): Buffer {
  const uris = [subjectUri(cluster, { kind: 'node', id: nodeId }), networkUri(cluster, network), wireGuardUri(cluster, wgKey.toString('base64url'))];
  return testLeaf(ca, { names: { uris, ips: [ip] } }, key).der;
}
