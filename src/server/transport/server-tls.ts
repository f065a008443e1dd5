import { constants } from 'node:crypto';
import type { TlsOptions } from 'node:tls';

/** What a listener shows and whom it lets in. All PEM. */
export interface TlsMaterial {
  /** The server's certificate and the chain above it, the CA's included, by whose pin a newcomer knows it. */
  readonly chainPem: string;
  readonly privateKeyPem: string;
  /** The CAs of client certificates; when given, whoever shows none of theirs is refused by TLS. */
  readonly clientCaPem?: string;
}

/**
 * The TLS side of a listener. Its certificate can be exchanged while it listens; open connections live on.
 *
 * TLS 1.3 only and without session tickets: a resumed session is not checked again, so a certificate that has run out
 * since would still be let in.
 */
export class ServerTls {
  readonly #listeners = new Set<(options: TlsOptions) => void>();
  #material: TlsMaterial;

  constructor(material: TlsMaterial) {
    this.#material = material;
  }

  /** Everything that TLS must know, each time: what is left out of an exchange falls back to Node's defaults. */
  get options(): TlsOptions {
    const { chainPem, privateKeyPem, clientCaPem } = this.#material;
    return {
      cert: chainPem,
      key: privateKeyPem,
      ...(clientCaPem !== undefined && { ca: clientCaPem }),
      requestCert: clientCaPem !== undefined,
      rejectUnauthorized: clientCaPem !== undefined,
      minVersion: 'TLSv1.3',
      secureOptions: constants.SSL_OP_NO_TICKET,
      ALPNProtocols: ['h2'],
    };
  }

  /** Shows another certificate, or believes other CAs, from the next connection on. */
  rotate(material: TlsMaterial): void {
    this.#material = material;
    for (const listener of this.#listeners) listener(this.options);
  }

  /** Calls `listener` at each exchange; the returned function ends that. */
  onRotate(listener: (options: TlsOptions) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}
