import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { systemClock } from '../../platform/clock.js';
import type { LimitSettings } from '../../platform/config/server-config.js';
import { ConnectionLimits, type Admission, type RefusedFor } from './connection-limits.js';
import { HandshakeQueue } from './handshake-queue.js';
import { listen } from '../../platform/listen.js';
import type { Listener } from './listener.js';
import type { ServerTls } from './server-tls.js';

/** Where and under which bounds to listen. */
export interface TlsListen {
  /** The configuration key of the port, for messages. */
  readonly key: string;
  readonly host: string;
  /** 0 for a free one. */
  readonly port: number;
  readonly tls: ServerTls;
  readonly limits: LimitSettings;
  /** Told of every connection turned away before TLS. */
  readonly onRefused?: (reason: RefusedFor, address: string) => void;
  /** How long a connection may take to finish its handshake; 5 s. */
  readonly handshakeTimeoutMs?: number;
  /** How long it may wait for its turn before that; 15 s. */
  readonly patienceMs?: number;
}

const HANDSHAKE_TIMEOUT_MS = 5_000;
/**
 * How long a connection may wait for its turn. An agent gives up after ten seconds the first time, which takes it out of the line, then after
 * twenty; what is left of these must do for its handshake and the first answer: whoever is served too late is served for nothing, and in a
 * storm that would be everybody.
 */
const PATIENCE_MS = 15_000;
/**
 * Connections that the kernel keeps until they are taken, of which it allows as many as net.core.somaxconn says. After a restart all agents
 * come in a few seconds, and one that finds no place tries again a second later, then after three and after seven.
 *
 * @see listen(2)
 */
const BACKLOG = 4_096;

/**
 * Listens for TLS connections and hands each over once its handshake is complete.
 *
 * TCP and TLS are ours rather than gRPC's or HTTP's, because so an unwanted connection is closed before it costs a
 * handshake, and a silent one after seconds; gRPC itself waits for two minutes.
 *
 * @throws DomainError `port_taken`, `config_invalid`.
 */
export async function startTlsListener(options: TlsListen, onConnection: (socket: TLSSocket) => void): Promise<Listener> {
  const limits = new ConnectionLimits(options.limits, systemClock, options.onRefused);
  const queue = new HandshakeQueue({ patienceMs: options.patienceMs ?? PATIENCE_MS });
  const timeoutMs = options.handshakeTimeoutMs ?? HANDSHAKE_TIMEOUT_MS;
  const admissions = new Map<string, Admission>();
  const sockets = new Set<Socket>();
  const tls = createTlsServer({ ...options.tls.options, handshakeTimeout: timeoutMs });
  tls.on('secureConnection', (socket) => {
    admissions.get(endOf(socket))?.secured();
    socket.on('error', ignore);
    onConnection(socket);
  });
  // A handshake that failed or took too long is only reported; the socket stays open unless it is closed here.
  tls.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    limits.handshakeFailed(error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'timeout' : 'failed');
    socket.destroy();
  });
  const tcp = createTcpServer({ noDelay: true }, (socket) => {
    const admission = limits.admit(socket.remoteAddress ?? '');
    if (admission === undefined) return void socket.destroy();
    const end = endOf(socket);
    let leave = (): void => {};
    admissions.set(end, {
      ...admission,
      secured() {
        admission.secured();
        leave();
      },
    });
    sockets.add(socket);
    socket.on('error', ignore).once('close', () => {
      leave();
      admission.released();
      admissions.delete(end);
      sockets.delete(socket);
    });
    // Whoever says nothing takes nobody's turn.
    const giveUp = setTimeout(() => {
      limits.handshakeFailed('timeout');
      socket.destroy();
    }, timeoutMs);
    socket.once('close', () => clearTimeout(giveUp));
    socket.once('readable', () => {
      clearTimeout(giveUp);
      leave = queue.enter(
        () => tls.emit('connection', socket),
        () => {
          limits.handshakeFailed('timeout');
          socket.destroy();
        },
      );
    });
  });
  await listen(tcp, { host: options.host, port: options.port, backlog: BACKLOG }, options.key);
  const offRotate = options.tls.onRotate((current) => tls.setSecureContext(current));
  return {
    port: (tcp.address() as AddressInfo).port,
    stats: () => limits.stats(),
    close() {
      offRotate();
      tcp.close();
    },
    destroy() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** The other end's address and port, which TCP and TLS socket of one connection have in common. */
function endOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`;
}

/** A broken connection is no event: its `close` follows, and whoever spoke over it hears of that. */
function ignore(): void {}
