import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { HostPort } from '../../domain/host-port.js';
import { listen } from '../../platform/listen.js';
import type { HttpApp } from './http-app.js';

/** A listener for programs of this machine. */
export interface PlainServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** How long a request may take to arrive. */
const REQUEST_MS = 10_000;
const MAX_CONNECTIONS = 512;

/**
 * Serves HTTP/1.1 in the clear, which is for loopback only; the configuration sees to that.
 *
 * @param key The configuration key of the address, for messages.
 * @throws DomainError `port_taken`, `config_invalid`.
 */
export async function startPlainServer(at: HostPort, app: HttpApp, key: string): Promise<PlainServer> {
  const handle = getRequestListener(app.routes.fetch, { overrideGlobalObjects: false });
  const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => void handle(request, response));
  server.maxConnections = MAX_CONNECTIONS;
  await listen(server, at, key);
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  };
}
