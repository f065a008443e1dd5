import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Clock } from '../../platform/clock.js';
import type { DnsAddress, DnsTlsMaterial, Listening, QueryHandler } from '../../platform/dns/query-handler.js';
import { StreamClients } from '../../platform/dns/stream-clients.js';

/** How long a client may take to agree on a key. */
const HANDSHAKE_MS = 5000;

/** A TLS listener, whose certificate can be changed while it listens. */
export interface TlsListening extends Listening {
  setCertificate(material: DnsTlsMaterial): void;
}

/**
 * Answers over TLS 1.2 or newer.
 *
 * @throws NodeJS.ErrnoException when the address cannot be had; Error for a certificate or key that cannot be read.
 * @see RFC 7858; RFC 9325 §3.1 for the versions
 */
export async function listenOnTls(address: DnsAddress, material: DnsTlsMaterial, handle: QueryHandler, clock: Clock): Promise<TlsListening> {
  const clients = new StreamClients('tls', handle, clock);
  const server = createServer({ ...contextOf(material), ALPNProtocols: ['dot'], handshakeTimeout: HANDSHAKE_MS, noDelay: true, allowHalfOpen: true }, (socket) => clients.take(socket));
  // Before the handshake is done there is nobody to answer.
  server.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
  const listening = await clients.listen(server, address);
  return { ...listening, setCertificate: (next) => server.setSecureContext(contextOf(next)) };
}

function contextOf({ chainPem, privateKeyPem }: DnsTlsMaterial) {
  return { cert: chainPem, key: privateKeyPem, minVersion: 'TLSv1.2' } as const;
}
