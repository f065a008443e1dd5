import { subjectOf } from '../../domain/certificate.js';
import { DomainError } from '../../domain/errors.js';
import { listNames } from './alternative-names.js';
import { isCurrent, readCertificate } from './ca-bundle.js';
import { wireGuardKeyOf, type NetworkTrust } from './network-certificate.js';

/** What the network CA states about a relay: it may be reached by this WireGuard key until then. */
export interface RelayIdentity {
  /** Upper-case hex. */
  readonly serial: string;
  readonly name: string;
  /** X25519, 32 octets. */
  readonly wgPublicKey: Buffer;
  /** UTC ms. */
  readonly notAfterMs: number;
}

/**
 * Verifies a relay's network certificate, as agents do before they make it a peer: a forged map gives nobody a relay.
 *
 * @param der The certificate.
 * @throws DomainError `certificate_invalid` with the reason.
 */
export function verifyRelayCertificate(der: Uint8Array, { bundle, clusterId, nowMs, crl }: NetworkTrust): RelayIdentity {
  const certificate = readCertificate(der);
  const issuer = bundle.issuerOf(certificate);
  if (issuer === undefined || certificate.ca) refuse('not issued by a trusted network CA');
  if (!isCurrent(certificate, nowMs) || !isCurrent(issuer, nowMs)) refuse(`valid from ${certificate.validFrom} to ${certificate.validTo} only`);
  const { dns, uris, ips } = listNames(certificate.subjectAltName);
  const subject = subjectOf(uris, clusterId);
  if (subject.kind !== 'relay' || dns.length > 0 || ips.length > 0 || uris.length !== 2) refuse('want one relay and one WireGuard key, nothing else');
  const serial = certificate.serialNumber;
  if (crl?.serials.has(serial) === true) refuse(`serial ${serial} is revoked`);
  return { serial, name: subject.id, wgPublicKey: wireGuardKeyOf(uris), notAfterMs: Date.parse(certificate.validTo) };
}

function refuse(reason: string): never {
  throw new DomainError('certificate_invalid', `relay certificate: ${reason}`);
}
