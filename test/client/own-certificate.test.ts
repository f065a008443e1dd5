import { describe, expect, it } from 'vitest';
import { newerOwnCertificate } from '../../src/client/own-certificate.js';
import { networkUri, routeUri, subjectUri, wireGuardUri } from '../../src/domain/certificate.js';
import { Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { generateP256 } from '../../src/platform/x509/p256.js';
import { aMembership } from '../support/membership.js';
import { testCa, testLeaf } from '../support/test-ca.js';

const NOW = Date.now();
const HOUR_MS = 3_600_000;
const ca = testCa('nc-network-ca g1');
const key = generateP256();

function certificate({ id = 'n1', of = key, from = ca, notBeforeMs = NOW - HOUR_MS, routes = [] as string[] } = {}): Buffer {
  const uris = [subjectUri('c1', { kind: 'node', id }), networkUri('c1', 'default'), wireGuardUri('c1', Buffer.alloc(32, 9).toString('base64url')), ...routes.map((route) => routeUri('c1', route))];
  return testLeaf(from, { names: { uris, ips: ['10.66.0.5'] }, spki: of.spki, notBeforeMs, notAfterMs: NOW + HOUR_MS }).der;
}

function look(offered: Buffer, own = certificate()): Buffer | undefined {
  const { facts, bundle, ...rest } = aMembership(1);
  const membership = { ...rest, networkCertificate: own, facts: { ...facts, nodeId: 'n1', clusterId: 'c1' }, bundle: { ...bundle, network: { certificates: [ca.der] } } };
  return newerOwnCertificate(membership, Peer.fromPartial({ nodeId: 'n1', networkCertificate: offered }), NOW);
}

describe('the network certificate of the map is not taken for this node’s own', () => {
  it.each([
    ['when there is none', Buffer.alloc(0)],
    ['when it is garbage', Buffer.from('certificate')],
    ['when it is of another key', certificate({ of: generateP256() })],
    ['when it is of another node', certificate({ id: 'n2' })],
    ['when another CA made it', certificate({ from: testCa('nc-network-ca g1') })],
    ['when it is older', certificate({ notBeforeMs: NOW - 2 * HOUR_MS })],
  ])('%s', (_why, offered) => {
    expect(look(offered)).toBeUndefined();
  });

  it('when it is the one in use', () => {
    const own = certificate();
    expect(look(own, own)).toBeUndefined();
  });
});

it('the network certificate that was made anew for the same key, with a route, is this node’s own from then on', () => {
  const newer = certificate({ notBeforeMs: NOW - 1000, routes: ['192.168.7.0/24'] });

  expect(look(newer)).toEqual(newer);
});
