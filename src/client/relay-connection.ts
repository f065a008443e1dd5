import { request } from 'node:https';
import type { Duplex } from 'node:stream';
import { DomainError } from '../domain/errors.js';
import { parseHostPort } from '../domain/host-port.js';
import { RELAY_PROTOCOL } from '../platform/packet-stream.js';
import type { ClientTls } from '../platform/rpc-client.js';

const OPEN_MS = 5000;

/**
 * Opens a TCP connection that carries packets to a relay, whose network certificate check is passed when this resolves.
 *
 * @param endpoint `host:port` of its HTTPS listener.
 * @throws DomainError `unavailable` when it does not answer, `permission_denied` when it does not let this node in.
 * @see RFC 9110 §7.8
 */
export function openRelayConnection(endpoint: string, { ca, serverName, identity }: ClientTls): Promise<Duplex> {
  const { host, port } = parseHostPort(endpoint);
  const refused = (reason: string): DomainError => new DomainError('unavailable', `relay over TCP at ${endpoint}: ${reason}`);
  return new Promise((resolve, reject) => {
    const asked = request({
      host,
      port,
      path: '/',
      headers: { connection: 'Upgrade', upgrade: RELAY_PROTOCOL },
      agent: false,
      timeout: OPEN_MS,
      ca,
      servername: serverName,
      minVersion: 'TLSv1.3',
      ...(identity && { cert: identity.certificate, key: identity.key }),
    });
    asked.once('upgrade', (response, socket, head) => {
      asked.destroyed ? socket.destroy() : asked.setTimeout(0);
      socket.setTimeout(0).setNoDelay(true).setKeepAlive(true, 25_000);
      if (head.length > 0) socket.unshift(head);
      if (response.headers.upgrade === RELAY_PROTOCOL) return resolve(socket);
      socket.destroy();
      reject(refused(`want it to speak ${RELAY_PROTOCOL}, got ${String(response.headers.upgrade)}`));
    });
    asked.once('response', (response) => {
      response.resume();
      asked.destroy();
      reject(new DomainError('permission_denied', `relay over TCP at ${endpoint}: it answered ${response.statusCode}, so it does not take this node's network certificate`));
    });
    asked.once('timeout', () => asked.destroy(refused(`no answer within ${OPEN_MS} ms`)));
    asked.once('error', (error) => reject(error instanceof DomainError ? error : refused(error.message)));
    asked.end();
  });
}
