import { createServer as createPlainServer, type Server as PlainServer } from 'node:http';
import { createSecureServer, type Http2SecureServer } from 'node:http2';
import { isIPv6, type Socket } from 'node:net';
import { DomainError } from '../../domain/errors.js';
import type { Log } from '../../platform/log.js';
import { dohHandler, type Answerer, type DohRequest, type DohResponse } from './doh-handler.js';
import { explained } from './listeners.js';
import type { DnsAddress, DnsTlsMaterial } from './query-handler.js';

/** The path of every client's template. @see RFC 8484 §4.1.1 */
const PATH = '/dns-query';
/** How long a client may take to send a request, and to be idle. */
const REQUEST_MS = 10_000;
const MAX_CONNECTIONS = 512;
/** Requests of one HTTP/2 connection at once. */
const MAX_STREAMS = 64;

/** What a listener for DNS over HTTPS is started with. */
export interface DohOptions {
  readonly listen: DnsAddress;
  /** Left out: plain HTTP, on loopback only. */
  readonly material?: DnsTlsMaterial;
  readonly answer: Answerer;
  readonly log: Log;
}

/** A listener for DNS over HTTPS. */
export interface Doh {
  readonly port: number;
  /** Shows another certificate from the next connection on. */
  setCertificate(material: DnsTlsMaterial): void;
  stop(): Promise<void>;
}

/**
 * Answers DNS over HTTP/2 and HTTP/1.1 with TLS, or over plain HTTP/1.1 for programs of this machine.
 *
 * @throws DomainError `port_taken`; `config_invalid` for plain HTTP on an address that others reach, or one that cannot be had.
 * @see RFC 8484
 */
export async function startDoh(options: DohOptions): Promise<Doh> {
  const { listen, material } = options;
  if (material === undefined && !/^127\.|^::1$/.test(listen.host)) {
    throw new DomainError('config_invalid', `dns: want a certificate for DNS over HTTPS on ${listen.host}; plain HTTP is for loopback only`);
  }
  const handle = routed(options);
  const server = material === undefined ? createPlainServer({ requestTimeout: REQUEST_MS }, handle) : createSecureServer({ ...contextOf(material), allowHTTP1: true, settings: { maxConcurrentStreams: MAX_STREAMS } }, handle);
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(REQUEST_MS);
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => keep(sockets, socket));
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: listen.port, host: listen.host, ipv6Only: isIPv6(listen.host) }, resolve);
  });
  await explained(listen, listening);
  const bound = server.address();
  return {
    port: typeof bound === 'object' && bound !== null ? bound.port : listen.port,
    setCertificate: (next) => 'setSecureContext' in server && server.setSecureContext(contextOf(next)),
    stop: () => stop(server, sockets),
  };
}

function routed({ answer, log }: DohOptions): (request: DohRequest, response: DohResponse) => void {
  const handle = dohHandler(answer);
  return (request, response) => {
    if (request.url?.split('?')[0] !== PATH) {
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
      return void response.end(`want ${PATH}\n`);
    }
    // What fails beyond a refusal is the connection: its client is gone.
    handle(request, response).catch((error: unknown) => log.debug('DNS over HTTPS request ended early', { error }));
  };
}

function contextOf({ chainPem, privateKeyPem }: DnsTlsMaterial) {
  return { cert: chainPem, key: privateKeyPem, minVersion: 'TLSv1.2' } as const;
}

function keep(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
}

function stop(server: PlainServer | Http2SecureServer, sockets: ReadonlySet<Socket>): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  for (const socket of sockets) socket.destroy();
  return closed;
}
