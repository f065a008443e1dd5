import { subjectOf } from '../domain/certificate.js';
import { DomainError } from '../domain/errors.js';
import { parseNodeToken } from '../domain/node-token.js';
import type { RegisterResponse } from '../gen/networkcontroller/v1/bootstrap.js';
import { listNames } from '../platform/x509/alternative-names.js';
import { CaBundle, isCurrent, readCertificate } from '../platform/x509/ca-bundle.js';
import { checkPeerClaim, verifyNetworkCertificate } from '../platform/x509/network-certificate.js';
import type { OpenedKeys } from '../platform/member-keys.js';

/** What a controller grants a node, at its registration and with every renewal. */
export type Grant = Pick<RegisterResponse, 'nodeId' | 'nodeToken' | 'clusterId' | 'bindIp' | 'bindIp6' | 'grpcCertificate' | 'networkCertificate' | 'bundle'>;

/** What the node knows before it is answered. */
export interface GrantContext {
  readonly keys: OpenedKeys;
  /** The CA that the join string's pin led to, DER; without one the bundle is trusted already. */
  readonly pinnedCa?: Uint8Array;
  readonly clusterId: string;
  /** The network that the grant is for. */
  readonly network: string;
  readonly nowMs: number;
}

/**
 * Checks a grant before anything of it is kept: both certificates are of this node's own keys, signed by the CAs
 * of the bundle, current, and state the addresses that were granted; the bundle holds the CA that was pinned.
 *
 * @throws DomainError `certificate_invalid` naming what does not fit.
 */
export function checkGrant(grant: Grant, { keys, pinnedCa, clusterId, network, nowMs }: GrantContext): void {
  const grpcCas = grant.bundle?.grpc?.certificates ?? [];
  if (grant.clusterId !== clusterId) refuse(`want a grant of cluster ${clusterId}, got one of ${grant.clusterId}`);
  if (pinnedCa !== undefined && !grpcCas.some((der) => der.equals(pinnedCa))) refuse('the trust bundle lacks the CA that the join string names');
  checkGrpcCertificate(grant, new CaBundle(grpcCas), keys.grpc.spki, nowMs);
  checkNetworkCertificate(grant, network, keys, nowMs);
  const { nodeId } = parseNodeToken(grant.nodeToken);
  if (nodeId !== grant.nodeId) refuse(`the node token is node ${nodeId}'s, not ${grant.nodeId}'s`);
}

function checkGrpcCertificate(grant: Grant, cas: CaBundle, spki: Buffer, nowMs: number): void {
  const certificate = readCertificate(grant.grpcCertificate);
  const subject = subjectOf(listNames(certificate.subjectAltName).uris, grant.clusterId);
  if (subject.kind !== 'node' || subject.id !== grant.nodeId) refuse(`the gRPC certificate names ${subject.kind} ${subject.id}, not node ${grant.nodeId}`);
  requireKey(grant.grpcCertificate, spki, 'gRPC');
  if (cas.issuerOf(certificate) === undefined) refuse('the gRPC certificate is not signed by a CA of the trust bundle');
  if (!isCurrent(certificate, nowMs)) refuse(`the gRPC certificate is valid from ${certificate.validFrom} to ${certificate.validTo}; is this machine's clock right?`);
}

function checkNetworkCertificate(grant: Grant, network: string, keys: OpenedKeys, nowMs: number): void {
  requireKey(grant.networkCertificate, keys.network.spki, 'network');
  const bundle = new CaBundle(grant.bundle?.network?.certificates ?? []);
  const identity = verifyNetworkCertificate(grant.networkCertificate, { bundle, clusterId: grant.clusterId, nowMs });
  const addresses = [grant.bindIp, grant.bindIp6].filter((address) => address !== '');
  checkPeerClaim(identity, { nodeId: grant.nodeId, network, wgPublicKey: keys.wgPublicKey, addresses });
}

function requireKey(der: Uint8Array, spki: Buffer, which: string): void {
  const own = readCertificate(der).publicKey.export({ type: 'spki', format: 'der' }).equals(spki);
  if (!own) refuse(`the ${which} certificate is of another key than this node's`);
}

function refuse(reason: string): never {
  throw new DomainError('certificate_invalid', `grant: ${reason}`);
}
