import type { Server, Socket } from 'node:net';
import { isIPv6 } from 'node:net';
import type { Clock } from '../clock.js';
import type { DnsAddress, Listening, QueryHandler, Via } from './query-handler.js';
import { StreamConnection } from './stream-connection.js';

const MAX_CONNECTIONS = 512;
/** Of one address: so that no single client can use up all. */
const MAX_CONNECTIONS_PER_CLIENT = 64;

/** The open connections of one listener for streams. */
export class StreamClients {
  readonly #via: Via;
  readonly #handle: QueryHandler;
  readonly #clock: Clock;
  readonly #open = new Set<Socket>();
  readonly #perClient = new Map<string, number>();

  constructor(via: Via, handle: QueryHandler, clock: Clock) {
    this.#via = via;
    this.#handle = handle;
    this.#clock = clock;
  }

  /** Answers on `socket`, or closes it when its client has too many. */
  take(socket: Socket): void {
    const address = socket.remoteAddress;
    const count = this.#perClient.get(address ?? '') ?? 0;
    if (address === undefined || count >= MAX_CONNECTIONS_PER_CLIENT) return void socket.destroy();
    this.#open.add(socket);
    this.#perClient.set(address, count + 1);
    socket.once('close', () => this.#forget(socket, address));
    new StreamConnection(socket, { via: this.#via, address }, this.#handle, this.#clock).start();
  }

  /** Binds the server whose connections are taken here. @throws NodeJS.ErrnoException when the address cannot be had. */
  async listen(server: Server, address: DnsAddress): Promise<Listening> {
    server.maxConnections = MAX_CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: address.port, host: address.host, ipv6Only: isIPv6(address.host) }, resolve);
    });
    const bound = server.address();
    return { port: typeof bound === 'object' && bound !== null ? bound.port : address.port, stop: () => this.#stop(server) };
  }

  #stop(server: Server): Promise<void> {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const socket of this.#open) socket.destroy();
    return closed;
  }

  #forget(socket: Socket, address: string): void {
    this.#open.delete(socket);
    const left = this.#perClient.get(address)! - 1;
    if (left === 0) this.#perClient.delete(address);
    else this.#perClient.set(address, left);
  }
}
