import { constants } from 'node:crypto';
import type { SecureContextOptions } from 'node:tls';
import { ServerCredentials } from '@grpc/grpc-js';

/** What a TLS listener shows and what it trusts. */
export interface ServerTls {
  /** PEM: leaf, then CA. */
  readonly chainPem: string;
  /** PEM, PKCS #8. */
  readonly privateKeyPem: string;
  /** PEM of the CAs whose client certificates are accepted; absent on a listener that asks for none. */
  readonly clientCaPem?: string;
}

/** A client that has not finished its handshake by then is cut off. */
const HANDSHAKE_TIMEOUT_MS = 5000;

/**
 * TLS for a gRPC server: version 1.3 only, no session tickets, five seconds for a handshake, and certificates that can be
 * exchanged while it runs.
 *
 * A resumed session would let an expired client certificate in, since OpenSSL does not look at it again.
 * grpc-js's own credentials allow both TLS 1.2 and resumption, and a reload resets every option that is not repeated.
 */
export class RotatingServerCredentials extends ServerCredentials {
  /** @param tls With `clientCaPem`, every client must show a certificate of one of these CAs. */
  constructor(tls: ServerTls) {
    const clientCertificate = tls.clientCaPem !== undefined;
    const listener = { requestCert: clientCertificate, rejectUnauthorized: clientCertificate, handshakeTimeout: HANDSHAKE_TIMEOUT_MS };
    super(listener, secureContext(tls));
  }

  /**
   * Shows and trusts `tls` from the next connection on. Connections that are open stay, so whoever stops trusting a CA ends
   * them too.
   */
  rotate(tls: ServerTls): void {
    this.updateSecureContextOptions(secureContext(tls));
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}

function secureContext({ chainPem, privateKeyPem, clientCaPem }: ServerTls): SecureContextOptions {
  return {
    cert: chainPem,
    key: privateKeyPem,
    minVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(clientCaPem === undefined ? {} : { ca: clientCaPem }),
  };
}
