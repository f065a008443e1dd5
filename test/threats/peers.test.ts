import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MapStore } from '../../src/client/map-store.js';
import { NetworkTrust } from '../../src/client/peer-trust.js';
import { StateFolder } from '../../src/client/state/state-folder.js';
import { networkUri, subjectUri, wireGuardUri } from '../../src/domain/certificate.js';
import { MapSnapshot } from '../../src/gen/networkcontroller/v1/node.js';
import { Peer } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { makeCrl } from '../../src/platform/x509/crl.js';
import { signTrustBundle } from '../../src/platform/x509/trust-bundle.js';
import { startNode } from '../support/client-node.js';
import { ManualClock } from '../support/clock.js';
import { startController } from '../support/controller.js';
import { recordedLog } from '../support/rpc-listener.js';
import { testCa, testLeaf } from '../support/test-ca.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

const CLUSTER = 'c1';
const WG_KEY = Buffer.alloc(32, 9);
const [grpcCa, networkCa] = [testCa('nc-grpc-ca g1'), testCa('nc-network-ca g1')];

/** The map of a node that believes `networkCa`. */
function aMap() {
  const { log, lines } = recordedLog();
  const bundle = signTrustBundle({ version: 1, grpc: { certificates: [grpcCa.der] }, network: { certificates: [networkCa.der] } }, grpcCa.issuer.key);
  const trust = new NetworkTrust({ clusterId: CLUSTER, network: 'default', bundle, log, onBundle: () => {} });
  return { map: new MapStore({ nodeId: 'n1', trust, clock: new ManualClock(Date.now()), log }), trust, lines };
}

function certificate(ca = networkCa, network = 'default') {
  const uris = [subjectUri(CLUSTER, { kind: 'node', id: 'n2' }), networkUri(CLUSTER, network), wireGuardUri(CLUSTER, WG_KEY.toString('base64url'))];
  return testLeaf(ca, { names: { uris, ips: ['10.66.0.5'] } });
}

function aPeer(change: Partial<Peer> = {}): Peer {
  return Peer.fromPartial({ nodeId: 'n2', name: 'web-2', bindIp: '10.66.0.5', wgPublicKey: WG_KEY, networkCertificate: certificate().der, ...change });
}

function snapshot(revision: bigint, peers: Peer[], crl: Uint8Array = Buffer.alloc(0)): MapSnapshot {
  return MapSnapshot.fromPartial({ epoch: 'e1', revision, network: { name: 'default', cidr: '10.66.0.0/24' }, peers, crl: Buffer.from(crl), last: true });
}

function crl(number: number, ...serials: string[]): Buffer {
  const revoked = serials.map((serial) => ({ serial, revokedAtMs: Date.now() }));
  return makeCrl(networkCa.issuer, { number, thisUpdateMs: Date.now() - 1_000, nextUpdateMs: Date.now() + 3_600_000, revoked });
}

it.each<[string, Partial<Peer>]>([
  ['another WireGuard key', { wgPublicKey: Buffer.alloc(32, 8) }],
  ['another address', { bindIp: '10.66.0.1' }],
  ['an address more', { bindIp6: 'fd00:66::1' }],
  ['a certificate of another network', { networkCertificate: certificate(networkCa, 'lab').der }],
  ['a certificate of nobody', { networkCertificate: certificate(testCa('nc-network-ca g1')).der }],
])('Tampered peer map: %s', (_what, change) => {
  const { map, lines } = aMap();
  map.applySnapshot(snapshot(1n, [aPeer()]));
  expect(map.current()?.peers).toHaveLength(1);

  map.applySnapshot(snapshot(2n, [aPeer(change)]));

  expect([map.current()?.peers.length, map.current()?.refused.length]).toEqual([0, 1]);
  expect(lines.some(({ level, fields }) => level === 'warn' && JSON.stringify(fields).includes('n2'))).toBe(true);
});

it('Replayed old map/CRL', () => {
  const { map, trust } = aMap();
  const leaf = certificate();
  const revoked = aPeer({ networkCertificate: leaf.der });
  map.applySnapshot(snapshot(5n, [revoked], crl(2, leaf.serial)));
  expect(map.current()?.peers).toEqual([]);

  expect(map.applySnapshot(snapshot(4n, [aPeer()]))).toBe(false);
  expect(trust.takeCrl(crl(1))).toBe(false);
  map.applySnapshot(snapshot(6n, [revoked], crl(1)));

  expect(map.current()?.peers).toEqual([]);
});

it('Controller down > 24 h', async () => {
  const lifetimes = { certificates: { grpc: '6s', network: '90s' } };
  const workDir = join(tmpDir(), 'server');
  const first = await startController(lifetimes, { workDir });
  const { bootstrap, control, wireguard } = first.server.ports;
  const [node, peer] = [await startNode(first, 'patient'), await startNode(first, 'peer')];
  const peerIsUp = (): boolean => (node.device.configs.at(-1)?.peers ?? []).some(({ allowedIps }) => allowedIps.includes(`${peer.facts.bindIp}/32`));
  const membership = () => StateFolder.open(node.config.stateDir, silentLog).membership()!;
  await until(peerIsUp, 'the tunnel to the peer');

  await first.stop();
  const lastSeenMs = Date.now();
  await until(() => Date.now() > lastSeenMs + 6_500, 'the certificates for calls to end');
  expect(peerIsUp()).toBe(true);
  const before = membership();
  await startController({ ...lifetimes, bootstrapPort: bootstrap, grpcPort: control, port: wireguard }, { workDir });

  await until(() => !membership().grpcCertificate.equals(before.grpcCertificate), 'the recovery', 45_000);
  expect(membership().facts).toMatchObject({ nodeId: node.facts.nodeId, bindIp: node.facts.bindIp });
});
