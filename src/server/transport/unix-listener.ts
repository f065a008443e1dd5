import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { DomainError } from '../../domain/errors.js';
import { listen } from './listen.js';
import type { Listener } from './listener.js';

const KEY = 'server.adminSocket';

/**
 * Listens on a unix socket that only this user may open: mode 0600 from the first moment, in a folder that nobody
 * else can write to (made with mode 0700 when missing). The file of a server that died is replaced.
 *
 * @throws DomainError `port_taken` when somebody answers there, `config_invalid` for an unsafe folder.
 */
export async function startUnixListener(path: string, onConnection: (socket: Socket) => void): Promise<Listener> {
  prepareFolder(dirname(path));
  await removeStaleSocket(path);
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((socket) => {
    accepted++;
    sockets.add(socket);
    socket.on('error', () => {}).once('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await listenPrivately(() => listen(server, { path }, KEY));
  return {
    port: 0,
    stats: () => ({ open: sockets.size, handshaking: 0, accepted, refused: { connections: 0, connectionsPerSource: 0, handshakes: 0, handshakesPerSecond: 0 } }),
    close: () => void server.close(),
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The socket is bound before `start` returns its promise, so no other code runs under this mask. */
function listenPrivately(start: () => Promise<void>): Promise<void> {
  const mask = process.umask(0o177);
  try {
    return start();
  } finally {
    process.umask(mask);
  }
}

function prepareFolder(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new DomainError('config_invalid', `${KEY}: cannot make the folder ${dir}: ${(cause as Error).message}`, { cause });
  }
  const { uid, mode } = lstatSync(dir);
  if ((uid !== process.getuid?.() && uid !== 0) || (mode & 0o022) !== 0) {
    throw new DomainError('config_invalid', `${KEY}: want a folder that only this user or root can write to, got ${dir} with mode ${(mode & 0o777).toString(8)} of user ${uid}`);
  }
}

async function removeStaleSocket(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new DomainError('config_invalid', `${KEY}: want a path for a socket, got ${path}, which is something else`);
  if (await answers(path)) throw new DomainError('port_taken', `${KEY}: ${path} is in use by another program; stop it or choose another`);
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
