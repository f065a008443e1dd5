import { createServer } from 'node:net';
import type { Clock } from '../clock.js';
import type { DnsAddress, Listening, QueryHandler } from './query-handler.js';
import { StreamClients } from './stream-clients.js';

/** Answers over TCP. @throws NodeJS.ErrnoException when the address cannot be had. @see RFC 7766 */
export function listenOnTcp(address: DnsAddress, handle: QueryHandler, clock: Clock): Promise<Listening> {
  const clients = new StreamClients('tcp', handle, clock);
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => clients.take(socket));
  return clients.listen(server, address);
}
