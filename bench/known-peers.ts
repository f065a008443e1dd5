import { randomBytes } from 'node:crypto';
import { networkUri, subjectUri, wireGuardUri } from '../src/domain/certificate.js';
import { MapSnapshot } from '../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig, Peer, TrustBundle } from '../src/gen/networkcontroller/v1/types.js';
import { issueCaCertificate, issueLeafCertificate, type Issuer } from '../src/platform/x509/certificate.js';
import { generateP256 } from '../src/platform/x509/p256.js';

/** The cluster and network of {@link networkOf}. */
export const CLUSTER = 'bench';
export const NETWORK = 'default';
const HOUR_MS = 3_600_000;

/** A network as an agent gets to know it: every peer with a certificate that verifies. */
export interface KnownNetwork {
  readonly snapshot: MapSnapshot;
  readonly bundle: TrustBundle;
  /** Nodes that are not in the snapshot yet. */
  readonly newcomers: readonly Peer[];
}

/** Issues the certificates of a network of its own, without a server: all nodes share one network key, which nobody looks at. */
export function networkOf(peers: number, newcomers: number): KnownNetwork {
  const issuer = { commonName: 'nc-network-ca g1', key: generateP256() };
  const { der } = issueCaCertificate(issuer, Date.now() - HOUR_MS, Date.now() + 24 * HOUR_MS);
  const { spki } = generateP256();
  const nodes = Array.from({ length: peers + newcomers }, (_, n) => node(issuer, spki, n + 2));
  const network = NetworkConfig.fromPartial({ name: NETWORK, cidr: '10.0.0.0/8', interconnection: true, mtu: 1280, zone: 'nc.internal' });
  return {
    snapshot: MapSnapshot.fromPartial({ epoch: 'bench', revision: 1n, network, peers: nodes.slice(0, peers), last: true }),
    bundle: TrustBundle.fromPartial({ version: 1, network: { certificates: [der] }, grpc: { certificates: [der] } }),
    newcomers: nodes.slice(peers),
  };
}

function node(issuer: Issuer, spki: Buffer, n: number): Peer {
  const nodeId = n.toString(16).padStart(16, '0');
  const bindIp = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  const wgPublicKey = randomBytes(32);
  // A key has 255 bits. @see RFC 7748 §5
  wgPublicKey[31]! &= 127;
  const names = { ips: [bindIp], uris: [subjectUri(CLUSTER, { kind: 'node', id: nodeId }), networkUri(CLUSTER, NETWORK), wireGuardUri(CLUSTER, wgPublicKey.toString('base64url'))] };
  const { der } = issueLeafCertificate(issuer, { spki, commonName: nodeId, names, usages: ['clientAuth', 'serverAuth'], notBeforeMs: Date.now() - 60_000, notAfterMs: Date.now() + HOUR_MS });
  return Peer.fromPartial({ nodeId, name: `machine-${n}`, bindIp, wgPublicKey, networkCertificate: der });
}
