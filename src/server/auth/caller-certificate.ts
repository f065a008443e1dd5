import type { X509Certificate } from 'node:crypto';
import type { PeerCertificate, TLSSocket } from 'node:tls';

/** What is asked of a client certificate; all else stands in the row of the store that its serial names. */
export type CallerCertificate = Pick<PeerCertificate, 'serialNumber' | 'subjectaltname' | 'valid_to'>;

/** gRPC takes a description without the certificate itself for none. */
const UNREAD = Buffer.alloc(0);

/** Reads a certificate that TLS has verified. */
export function callerCertificate({ serialNumber, subjectAltName, validTo }: X509Certificate): CallerCertificate {
  return { serialNumber, ...(subjectAltName !== undefined && { subjectaltname: subjectAltName }), valid_to: validTo };
}

/**
 * Has the certificate of a connection's other end read once, and not for each call: Node.js describes all of it, which is a tenth of
 * what a report of a node costs. It cannot change, because TLS 1.3 knows no renegotiation and we ask for no certificate later.
 *
 * @param socket Of a handshake that is over.
 * @see RFC 8446 §4.6.2
 */
export function readCertificateOnce(socket: TLSSocket): void {
  const x509 = socket.getPeerX509Certificate();
  const described = x509 === undefined ? {} : { ...callerCertificate(x509), raw: UNREAD };
  socket.getPeerCertificate = () => described as never;
}
