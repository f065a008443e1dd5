import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { DomainError } from '../../domain/errors.js';
import type { Upstream } from './upstream.js';

/**
 * Sends `message` over UDP from a port of its own and waits for what `accept` takes as the answer.
 *
 * The fresh port and the connected socket are what a forger has to guess besides the id.
 *
 * @throws DomainError `timeout`, `unavailable`.
 * @see RFC 5452 §9.2
 */
export function askOverUdp(server: Upstream, message: Buffer, timeoutMs: number, accept: (answer: Buffer) => boolean): Promise<Buffer> {
  const family = isIPv6(server.host) ? 6 : 4;
  const socket = createSocket({ type: `udp${family}`, lookup: (host, _options, done) => done(null, host, family) });
  const answer = new Promise<Buffer>((resolve, reject) => {
    socket.on('error', (cause) => reject(unavailable(server, cause)));
    socket.on('message', (received) => accept(received) && resolve(received));
    socket.connect(server.port, server.host, () => socket.send(message));
  });
  return within(timeoutMs, server, answer).finally(() => socket.close());
}

/**
 * Sends `message` over a connection of its own, TLS if the server is set so, and reads one answer.
 *
 * @throws DomainError `timeout`, `unavailable`.
 * @see RFC 7766 §8, RFC 7858 §3
 */
export function askOverStream(server: Upstream, message: Buffer, timeoutMs: number, accept: (answer: Buffer) => boolean): Promise<Buffer> {
  const socket = open(server);
  const answer = new Promise<Buffer>((resolve, reject) => {
    let received = Buffer.alloc(0);
    socket.on('error', (cause) => reject(unavailable(server, cause)));
    socket.on('close', () => reject(unavailable(server, undefined)));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const whole = received.subarray(2, 2 + received.readUInt16BE(0));
      if (accept(whole)) resolve(whole);
      else reject(unavailable(server, undefined));
    });
    socket.write(Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]));
  });
  return within(timeoutMs, server, answer).finally(() => socket.destroy());
}

function open({ host, port, tls }: Upstream): Socket {
  if (tls === undefined) return connect({ host, port });
  return connectTls({ host, port, servername: tls.name, minVersion: 'TLSv1.2', ...(tls.ca !== undefined && { ca: tls.ca }) });
}

function within<T>(timeoutMs: number, server: Upstream, answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DomainError('timeout', `name server ${server.host} port ${server.port}: no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

function unavailable(server: Upstream, cause: unknown): DomainError {
  return new DomainError('unavailable', `name server ${server.host} port ${server.port}: cannot be asked`, { cause });
}
