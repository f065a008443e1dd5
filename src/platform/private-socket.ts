import { lstatSync, mkdirSync, unlinkSync } from 'node:fs';
import { createConnection, type Server } from 'node:net';
import { dirname } from 'node:path';
import { DomainError } from '../domain/errors.js';
import { listen } from './listen.js';

/**
 * Binds `server` to a unix socket that only this user may open: mode 0600 from the first moment, in a folder that
 * nobody else can write to (made with mode 0700 when missing). The file of a process that died is replaced.
 *
 * @param key What named the path, for messages: `server.adminSocket`.
 * @throws DomainError `port_taken` when somebody answers there, `config_invalid` for an unsafe folder.
 */
export async function listenOnPrivateSocket(server: Server, path: string, key: string): Promise<void> {
  prepareFolder(dirname(path), key);
  await removeStaleSocket(path, key);
  await underPrivateMask(() => listen(server, { path }, key));
}

/** The socket is bound before `start` returns its promise, so no other code runs under this mask. */
function underPrivateMask(start: () => Promise<void>): Promise<void> {
  const mask = process.umask(0o177);
  try {
    return start();
  } finally {
    process.umask(mask);
  }
}

function prepareFolder(dir: string, key: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new DomainError('config_invalid', `${key}: cannot make the folder ${dir}: ${(cause as Error).message}`, { cause });
  }
  const { uid, mode } = lstatSync(dir);
  if ((uid !== process.getuid?.() && uid !== 0) || (mode & 0o022) !== 0) {
    throw new DomainError('config_invalid', `${key}: want a folder that only this user or root can write to, got ${dir} with mode ${(mode & 0o777).toString(8)} of user ${uid}`);
  }
}

async function removeStaleSocket(path: string, key: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new DomainError('config_invalid', `${key}: want a path for a socket, got ${path}, which is something else`);
  if (await answers(path)) throw new DomainError('port_taken', `${key}: ${path} is in use by another program; stop it or choose another`);
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
