import type { TLSSocket } from 'node:tls';
import type { Duplex } from 'node:stream';
import type { X509Certificate } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { callerCertificate, type CallerCertificate } from '../auth/caller-certificate.js';
import { plainAddress } from '../auth/source.js';
import type { CaPurpose } from '../pki/ca.js';

/** A client certificate that TLS has verified: one of our CAs signed it, it is in its time, and the client holds its key. */
export interface ShownCertificate {
  /** Which CA signed it; each route wants one of the two and must look. */
  readonly ca: CaPurpose;
  readonly certificate: CallerCertificate;
}

/** Tells which of our CAs signed a certificate. */
export type PurposeOf = (certificate: X509Certificate) => CaPurpose | undefined;

/** The IP address of the other end, without port. */
export function addressOf(socket: { readonly remoteAddress?: string | undefined }): string {
  return plainAddress(socket.remoteAddress ?? '');
}

/**
 * The client certificate of a connection; undefined when none was shown.
 *
 * @throws DomainError `certificate_invalid` for one that is not ours or not in its time.
 */
export function shownCertificate(socket: Duplex, purposeOf: PurposeOf): ShownCertificate | undefined {
  const tls = socket as TLSSocket;
  const x509 = tls.getPeerX509Certificate?.();
  if (x509 === undefined) return undefined;
  const ca = tls.authorized ? purposeOf(x509) : undefined;
  if (ca === undefined) throw new DomainError('certificate_invalid', `certificate: want one that this cluster issued and that is in its time${reason(tls.authorizationError)}`);
  return { ca, certificate: callerCertificate(x509) };
}

/** Node types it as an error and gives OpenSSL's word for it. */
function reason(error: unknown): string {
  return typeof error === 'string' ? `, got ${error}` : '';
}
