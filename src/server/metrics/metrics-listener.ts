import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HostPort } from '../../domain/host-port.js';
import { listen } from '../../platform/listen.js';
import type { Log } from '../../platform/log.js';
import type { ServerState } from '../services/cluster-facts.js';

/** What the listener answers from. */
export interface MetricsListenerOptions {
  /** Port 0 for a free one. */
  readonly listen: HostPort;
  text(): Promise<{ readonly type: string; readonly body: string }>;
  state(): ServerState;
  readonly log: Log;
}

/** An open listener. */
export interface MetricsListener {
  readonly port: number;
  /** Closes it and every connection. Idempotent. */
  stop(): Promise<void>;
}

/** One monitor asks now and then; whoever else comes must not hold what serves nodes. */
const CONNECTIONS = 32;
const REQUEST_MS = 5_000;

interface Answer {
  readonly status: number;
  readonly type?: string;
  readonly body: string;
}

/**
 * Answers plain HTTP: `/metrics` for Prometheus, `/healthz` as long as the process lives, `/readyz` while it serves.
 *
 * @throws DomainError `port_taken`, `config_invalid`.
 */
export async function startMetricsListener(options: MetricsListenerOptions): Promise<MetricsListener> {
  const { listen: at, log } = options;
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS, connectionsCheckingInterval: REQUEST_MS }, (request, response) => {
    answerTo(request, options).then(
      (answer) => send(request, response, answer),
      (error: unknown) => {
        log.error('metrics could not be read', { error });
        send(request, response, { status: 500, body: 'internal error\n' });
      },
    );
  });
  server.maxConnections = CONNECTIONS;
  await listen(server, at, 'server.metrics.listen');
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answerTo({ method, url }: IncomingMessage, { text, state }: MetricsListenerOptions): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: 'want GET\n' };
  switch (url?.replace(/\?.*$/s, '')) {
    case '/metrics':
      return { status: 200, ...(await text()) };
    case '/healthz':
      return { status: 200, body: 'ok\n' };
    case '/readyz':
      return { status: state() === 'running' ? 200 : 503, body: `${state()}\n` };
    default:
      return { status: 404, body: 'want /metrics, /healthz or /readyz\n' };
  }
}

function send({ method }: IncomingMessage, response: ServerResponse, { status, type = 'text/plain; charset=utf-8', body }: Answer): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...(status === 405 && { allow: 'GET, HEAD' }) });
  response.end(method === 'HEAD' ? undefined : body);
}
