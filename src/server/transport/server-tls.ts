import { constants } from 'node:crypto';
import type { TlsOptions } from 'node:tls';

/** What a listener shows and whom it lets in. All PEM. */
export interface TlsMaterial {
  /** The server's certificate and the chain above it, the CA's included, by whose pin a newcomer knows it. */
  readonly chainPem: string;
  readonly privateKeyPem: string;
  /** The CAs of client certificates; when given, a client is asked for one. */
  readonly clientCaPem?: string;
}

/** How a listener deals with its clients. */
export interface TlsManners {
  /** What is spoken, the best first, by ALPN. @see RFC 7301 */
  readonly protocols: readonly string[];
  /** Also lets in whoever shows no certificate, or a foreign one: each request is judged by itself. */
  readonly clientsOptional: boolean;
}

const GRPC: TlsManners = { protocols: ['h2'], clientsOptional: false };

/**
 * The TLS side of a listener. Its certificate can be exchanged while it listens; open connections live on.
 *
 * TLS 1.3 only and without session tickets: a resumed session is not checked again, so a certificate that has run out
 * since would still be let in.
 */
export class ServerTls {
  readonly #listeners = new Set<(options: TlsOptions) => void>();
  readonly #manners: TlsManners;
  #material: TlsMaterial;

  /** @param manners Those of gRPC when left out: HTTP/2, and whoever is asked for a certificate and shows none of ours is refused by TLS. */
  constructor(material: TlsMaterial, manners: TlsManners = GRPC) {
    this.#material = material;
    this.#manners = manners;
  }

  /** Everything that TLS must know, each time: what is left out of an exchange falls back to Node's defaults. */
  get options(): TlsOptions {
    const { chainPem, privateKeyPem, clientCaPem } = this.#material;
    return {
      cert: chainPem,
      key: privateKeyPem,
      ...(clientCaPem !== undefined && { ca: clientCaPem }),
      requestCert: clientCaPem !== undefined,
      rejectUnauthorized: clientCaPem !== undefined && !this.#manners.clientsOptional,
      minVersion: 'TLSv1.3',
      secureOptions: constants.SSL_OP_NO_TICKET,
      ALPNProtocols: [...this.#manners.protocols],
    };
  }

  get material(): TlsMaterial {
    return this.#material;
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
