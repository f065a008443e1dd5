import { X509Certificate } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';

/** Octets of the largest certificate that is read. */
export const MAX_CERTIFICATE_BYTES = 4096;

/** The CA certificates that are trusted for one purpose. */
export class CaBundle {
  readonly certificates: readonly X509Certificate[];

  /**
   * @param ders CA certificates, DER.
   * @throws DomainError `certificate_invalid` when one is unreadable or no CA.
   */
  constructor(ders: readonly Uint8Array[]) {
    this.certificates = ders.map(readCertificate);
    if (!this.certificates.every((certificate) => certificate.ca)) {
      throw new DomainError('certificate_invalid', 'trust bundle: want CA certificates only');
    }
  }

  /** All certificates, as `ca` of node:tls takes them. */
  get pem(): string {
    return this.certificates.map(String).join('');
  }

  /** The trusted CA that issued and signed `certificate`; undefined when there is none. */
  issuerOf(certificate: X509Certificate): X509Certificate | undefined {
    return this.certificates.find((ca) => certificate.checkIssued(ca) && certificate.verify(ca.publicKey));
  }
}

/**
 * Reads a certificate: DER and nothing after it, at most {@link MAX_CERTIFICATE_BYTES}.
 *
 * @throws DomainError `certificate_invalid`
 */
export function readCertificate(der: Uint8Array): X509Certificate {
  const certificate = der.length > MAX_CERTIFICATE_BYTES ? undefined : parse(der);
  // node:crypto also takes PEM, and octets after the end.
  if (certificate?.raw.equals(der) !== true) {
    throw new DomainError('certificate_invalid', `certificate: want DER, at most ${MAX_CERTIFICATE_BYTES} octets`);
  }
  return certificate;
}

/** Whether `certificate` is within its time at `nowMs`, UTC. */
export function isCurrent(certificate: X509Certificate, nowMs: number): boolean {
  return Date.parse(certificate.validFrom) <= nowMs && nowMs <= Date.parse(certificate.validTo);
}

function parse(der: Uint8Array): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}
