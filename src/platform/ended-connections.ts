import type { Socket } from 'node:net';
import type { ChannelCredentials } from '@grpc/grpc-js';

/** What makes the connections of a client safe, as gRPC asks for it. */
export type Connector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/**
 * Has the connections of a client end with it.
 *
 * gRPC itself goes on for a client that is closed between two attempts, or during a handshake: it makes one more connection, which is
 * nobody's, and keeps that alive with pings for as long as both programs live.
 *
 * @param credentials Of one client, which are changed.
 */
export function endingWithClient(credentials: ChannelCredentials): ChannelCredentials {
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...args) => endable(create(...args));
  return credentials;
}

/** gRPC waits for `waitForReady` before each attempt, and calls `destroy` when nobody wants the connection any more. */
function endable(connector: Connector): Connector {
  const handshaking = new Set<Socket>();
  let isOver = false;
  const goOn = (): void => {
    if (isOver) throw new Error('the client is closed');
  };
  return {
    async waitForReady() {
      goOn();
      await connector.waitForReady();
    },
    async connect(socket) {
      goOn();
      handshaking.add(socket);
      try {
        return await connector.connect(socket);
      } finally {
        handshaking.delete(socket);
      }
    },
    getCallCredentials: () => connector.getCallCredentials(),
    destroy() {
      isOver = true;
      for (const socket of handshaking) socket.destroy();
      connector.destroy();
    },
  };
}
