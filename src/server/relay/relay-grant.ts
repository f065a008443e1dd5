import { subjectOf } from '../../domain/certificate.js';
import { DomainError } from '../../domain/errors.js';
import type { OpenedKeys } from '../../platform/member-keys.js';
import { listNames } from '../../platform/x509/alternative-names.js';
import { CaBundle, isCurrent, readCertificate } from '../../platform/x509/ca-bundle.js';
import { verifyRelayCertificate } from '../../platform/x509/relay-certificate.js';
import type { RelayMembership } from './relay-state.js';

/**
 * Checks what the controller has granted before any of it is kept: both certificates are of this relay's own keys and name, current, and
 * signed by the CAs of the bundle.
 *
 * @throws DomainError `certificate_invalid` naming what does not fit.
 */
export function checkRelayGrant(granted: Pick<RelayMembership, 'name' | 'clusterId' | 'grpcCertificate' | 'networkCertificate' | 'bundle'>, keys: OpenedKeys, nowMs: number): void {
  const { name, clusterId, bundle } = granted;
  const grpcCas = new CaBundle(bundle.grpc?.certificates ?? []);
  const certificate = readCertificate(granted.grpcCertificate);
  if (grpcCas.issuerOf(certificate) === undefined || !isCurrent(certificate, nowMs)) refuse('the gRPC certificate is not current, or not of the CA that was pinned');
  const subject = subjectOf(listNames(certificate.subjectAltName).uris, clusterId);
  if (subject.kind !== 'relay' || subject.id !== name) refuse(`the gRPC certificate is that of ${subject.kind} ${subject.id}`);
  const identity = verifyRelayCertificate(granted.networkCertificate, { bundle: new CaBundle(bundle.network?.certificates ?? []), clusterId, nowMs });
  if (identity.name !== name || !identity.wgPublicKey.equals(keys.wgPublicKey)) refuse('the network certificate is of another relay or WireGuard key');
  const network = readCertificate(granted.networkCertificate);
  if (!certificate.checkPrivateKey(keys.grpc.privateKey) || !network.checkPrivateKey(keys.network.privateKey)) refuse('a certificate is of another key than this relay made');
}

function refuse(reason: string): never {
  throw new DomainError('certificate_invalid', `grant: ${reason}`);
}
