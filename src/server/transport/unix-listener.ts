import { createServer, type Socket } from 'node:net';
import { listenOnPrivateSocket } from '../../platform/private-socket.js';
import { NOTHING_REFUSED } from './connection-limits.js';
import type { Listener } from './listener.js';

/**
 * Listens on the admin socket, which only this user may open.
 *
 * @throws DomainError `port_taken` when a server answers there already, `config_invalid` for an unsafe folder.
 */
export async function startUnixListener(path: string, onConnection: (socket: Socket) => void): Promise<Listener> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await listenOnPrivateSocket(server, path, 'server.adminSocket');
  return {
    port: 0,
    stats: () => ({ open: sockets.size, handshaking: 0, accepted, ...NOTHING_REFUSED }),
    close: () => void server.close(),
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
  };
}
