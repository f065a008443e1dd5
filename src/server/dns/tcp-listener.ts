import { createServer, isIPv6, type Server, type Socket } from 'node:net';
import type { Clock } from '../../platform/clock.js';
import type { DnsAddress, Listening, QueryHandler } from './query-handler.js';
import { StreamConnection } from './stream-connection.js';

const MAX_CONNECTIONS = 512;
/** Of one address: so that no single client can use up all. */
const MAX_CONNECTIONS_PER_CLIENT = 64;

/** Answers over TCP. @throws NodeJS.ErrnoException when the address cannot be had. @see RFC 7766 */
export function listenOnTcp(address: DnsAddress, handle: QueryHandler, clock: Clock): Promise<Listening> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const serve = new StreamClients(handle, clock);
  server.on('connection', (socket) => serve.take(socket));
  return listenOnStream(server, address, serve);
}

/** Binds a server of streams whose connections `clients` has taken. @throws NodeJS.ErrnoException when the address cannot be had. */
async function listenOnStream(server: Server, address: DnsAddress, clients: StreamClients): Promise<Listening> {
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port: address.port, host: address.host, ipv6Only: isIPv6(address.host) }, resolve);
  });
  const bound = server.address();
  const stop = (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    clients.disconnect();
    return closed;
  };
  return { port: typeof bound === 'object' && bound !== null ? bound.port : address.port, stop };
}

/** The open connections of a listener. */
class StreamClients {
  readonly #handle: QueryHandler;
  readonly #clock: Clock;
  readonly #open = new Set<Socket>();
  readonly #perClient = new Map<string, number>();

  constructor(handle: QueryHandler, clock: Clock) {
    this.#handle = handle;
    this.#clock = clock;
  }

  /** Answers on `socket`, or closes it when its client has too many. */
  take(socket: Socket): void {
    const client = socket.remoteAddress;
    const count = this.#perClient.get(client ?? '') ?? 0;
    if (client === undefined || count >= MAX_CONNECTIONS_PER_CLIENT) return void socket.destroy();
    this.#open.add(socket);
    this.#perClient.set(client, count + 1);
    socket.once('close', () => this.#forget(socket, client));
    new StreamConnection(socket, client, this.#handle, this.#clock).start();
  }

  disconnect(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #forget(socket: Socket, client: string): void {
    this.#open.delete(socket);
    const left = this.#perClient.get(client)! - 1;
    if (left === 0) this.#perClient.delete(client);
    else this.#perClient.set(client, left);
  }
}
