import type { ListenOptions, Server } from 'node:net';
import { DomainError } from '../domain/errors.js';

/**
 * Binds `server` and waits until it listens.
 *
 * @param key The configuration key that named the address, for the message.
 * @throws DomainError `port_taken`, `config_invalid`.
 */
export function listen(server: Server, at: ListenOptions, key: string): Promise<void> {
  const where = at.path ?? `${at.host}:${at.port}`;
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => reject(refusal(cause, where, key));
    server.once('error', fail);
    server.listen(at, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function refusal(cause: NodeJS.ErrnoException, where: string, key: string): DomainError {
  switch (cause.code) {
    case 'EADDRINUSE':
      return new DomainError('port_taken', `${key}: ${where} is in use by another program; stop it or choose another`, { cause });
    case 'EACCES':
      return new DomainError('config_invalid', `${key}: this user may not listen on ${where}; choose a port above 1023`, { cause });
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return new DomainError('config_invalid', `${key}: ${where} is no address of this machine`, { cause });
    default:
      return new DomainError('config_invalid', `${key}: cannot listen on ${where}: ${cause.message}`, { cause });
  }
}
