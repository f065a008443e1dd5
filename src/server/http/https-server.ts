import { createServer as createHttp1, type Server as Http1Server } from 'node:http';
import { createServer as createHttp2, type Http2Server, type ServerHttp2Session } from 'node:http2';
import { getRequestListener } from '@hono/node-server';
import type { Log } from '../../platform/log.js';
import type { ConnectionStats } from '../transport/connection-limits.js';
import { startTlsListener, type TlsListen } from '../transport/tls-listener.js';
import { answerBadRequests } from './bad-requests.js';
import type { HttpApp } from './http-app.js';
import type { PurposeOf } from './peer.js';
import { Upgrades, type UpgradeHandler } from './upgrades.js';

/** What the HTTPS listener is started with. */
export interface HttpsServerOptions {
  readonly listen: TlsListen;
  readonly app: HttpApp;
  readonly purposeOf: PurposeOf;
  readonly log: Log;
  /** How long requests that are being answered may still take when the server stops; 1 s. */
  readonly drainMs?: number;
  /** How long the headers of a request may take, and how long a connection may be idle. */
  readonly timeouts?: { readonly headersMs: number; readonly idleMs: number };
}

/** The HTTPS listener. */
export interface HttpsServer {
  readonly port: number;
  connections(): ConnectionStats;
  /** Closes every connection; whoever was connected may come back. */
  disconnect(): void;
  /** Lets connections go on with another protocol. @see UpgradeHandler */
  onUpgrade(protocol: string, handler: UpgradeHandler): void;
  /** Lets nobody in and lets requests finish. Idempotent. */
  drain(): Promise<void>;
  /** {@link drain}, then closes every connection. Idempotent. */
  stop(): Promise<void>;
}

const DRAIN_MS = 1_000;
const TIMEOUTS = { headersMs: 10_000, idleMs: 60_000 };
const MAX_HEADER_BYTES = 16 * 1024;
/** Requests of one HTTP/2 connection at once. */
const MAX_STREAMS = 100;

/**
 * Serves HTTP/2 and HTTP/1.1 over TLS 1.3 on one port.
 *
 * @throws DomainError `port_taken`, `config_invalid`.
 */
export async function startHttpsServer(options: HttpsServerOptions): Promise<HttpsServer> {
  const { app, log, purposeOf, timeouts = TIMEOUTS } = options;
  const upgrades = new Upgrades({ log, purposeOf });
  const handle = getRequestListener(app.routes.fetch, { overrideGlobalObjects: false });
  const http1 = createHttp1({ maxHeaderSize: MAX_HEADER_BYTES, headersTimeout: timeouts.headersMs, keepAliveTimeout: timeouts.idleMs, connectionsCheckingInterval: timeouts.headersMs / 2 }, (request, response) => void handle(request, response));
  http1.on('upgrade', upgrades.take);
  answerBadRequests(http1);
  const http2 = createHttp2({ maxHeaderListPairs: 100, settings: { maxConcurrentStreams: MAX_STREAMS, maxHeaderListSize: MAX_HEADER_BYTES } }, (request, response) => {
    // The setting asks clients to keep to it and stops none.
    if (headerOctets(request.rawHeaders) > MAX_HEADER_BYTES) return void response.writeHead(431).end();
    void handle(request, response);
  });
  const sessions = followSessions(http2, timeouts.idleMs);
  const listener = await startTlsListener(options.listen, (socket) => (socket.alpnProtocol === 'h2' ? http2 : http1).emit('connection', socket));
  // Neither listens itself. With this event Node begins to look after slow HTTP/1.1 requests.
  http1.emit('listening');

  async function drain(): Promise<void> {
    listener.close();
    const answered = app.drain();
    closeIdle(http1, sessions);
    await within(options.drainMs ?? DRAIN_MS, answered);
  }
  let drained: Promise<void> | undefined;
  const drainOnce = (): Promise<void> => (drained ??= drain());
  return {
    port: listener.port,
    connections: () => listener.stats(),
    disconnect: () => listener.destroy(),
    onUpgrade: (protocol, handler) => upgrades.add(protocol, handler),
    drain: drainOnce,
    async stop() {
      await drainOnce();
      http1.close();
      listener.destroy();
    },
  };
}

/** @param raw Names and values in turn. @see RFC 9113 §6.5.2 for the 32 octets of each field */
function headerOctets(raw: readonly string[]): number {
  return raw.reduce((sum, text) => sum + text.length + 16, 0);
}

function followSessions(http2: Http2Server, idleMs: number): ReadonlySet<ServerHttp2Session> {
  const sessions = new Set<ServerHttp2Session>();
  http2.setTimeout(idleMs);
  http2.on('session', (session) => {
    sessions.add(session);
    session.on('error', () => {}).once('close', () => sessions.delete(session));
  });
  // Its client is gone or does not speak HTTP/2: there is nobody to tell.
  http2.on('sessionError', () => {});
  return sessions;
}

function closeIdle(http1: Http1Server, sessions: ReadonlySet<ServerHttp2Session>): void {
  http1.closeIdleConnections();
  for (const session of sessions) session.close();
}

async function within(ms: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, ms)));
  await Promise.race([done, late]);
  clearTimeout(timer);
}
