import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { ChannelCredentials } from '@grpc/grpc-js';
import { DomainError } from '../domain/errors.js';
import type { Connector } from './ended-connections.js';

/** How the other end of a connection is looked at. */
export interface ServerCheck {
  /** Looks at it when TLS stands and nothing has been said; throws to have nothing said ever. */
  readonly check: (socket: TLSSocket) => void;
  /** Told why a connection came to nothing, in its own words: gRPC tells its callers less. */
  readonly onFailed: (error: unknown) => void;
  /** How long a handshake may take. */
  readonly timeoutMs: number;
}

/**
 * Has every connection of a client checked before anything is said over it, in place of what TLS checks by itself.
 *
 * @param credentials Of one client, which are changed.
 */
export function checkingServer(credentials: ChannelCredentials, how: ServerCheck): ChannelCredentials {
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...args) => checked(create(...args), how);
  return credentials;
}

function checked(connector: Connector, { check, onFailed, timeoutMs }: ServerCheck): Connector {
  return {
    waitForReady: () => connector.waitForReady(),
    getCallCredentials: () => connector.getCallCredentials(),
    destroy: () => connector.destroy(),
    async connect(tcp) {
      try {
        const connection = await inTime(connector.connect(tcp), tcp, timeoutMs);
        if (!(connection.socket instanceof TLSSocket)) throw new DomainError('unavailable', 'want TLS');
        check(connection.socket);
        return connection;
      } catch (error) {
        onFailed(error);
        tcp.destroy();
        throw error;
      }
    },
  };
}

async function inTime<T>(handshake: Promise<T>, tcp: Socket, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const isLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new DomainError('unavailable', `no TLS handshake within ${timeoutMs} ms`));
      tcp.destroy();
    }, timeoutMs);
  });
  try {
    return await Promise.race([handshake, isLate]);
  } finally {
    clearTimeout(timer);
  }
}
