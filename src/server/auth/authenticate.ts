import type { Caller } from './caller.js';
import type { CallerCertificate } from './caller-certificate.js';

/** What a connection shows of its other end. */
export interface Connection {
  /** IP address without port; empty through a unix socket. */
  readonly address: string;
  /** The client certificate, when TLS has verified one. */
  readonly certificate: CallerCertificate | undefined;
}

/**
 * Tells who calls, once per request: a certificate may be revoked while its connection stays open.
 *
 * @throws DomainError `unauthenticated` and the codes about certificates.
 */
export type Authenticate = (connection: Connection) => Promise<Caller>;

/** For the listener that asks for no certificate. */
export const asAnonymous: Authenticate = ({ address }) => Promise.resolve({ kind: 'anonymous', address });

/** For the unix socket: whoever was allowed to open it is the machine's admin. */
export const asLocal: Authenticate = () => Promise.resolve({ kind: 'local', address: '' });
