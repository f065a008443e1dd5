import type { TLSSocket } from 'node:tls';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { HealthImplementation } from 'grpc-health-check';
import { DomainError } from '../../domain/errors.js';
import { systemClock, type Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { Authenticate } from '../auth/authenticate.js';
import { readCertificateOnce } from '../auth/caller-certificate.js';
import type { CallContext } from './call-record.js';
import type { ConnectionStats } from './connection-limits.js';
import { noticeOversize } from './oversize.js';
import type { Service } from './service.js';
import { followAdmissions } from './stream-admission.js';
import { startTlsListener, type TlsListen } from './tls-listener.js';
import { startUnixListener } from './unix-listener.js';

/** One listener with its services. */
export interface GrpcServerOptions {
  /** TLS over TCP, or a unix socket. */
  readonly listen: TlsListen | { readonly socketPath: string };
  readonly services: readonly Service[];
  readonly authenticate: Authenticate;
  /** The longest message taken, in bytes. */
  readonly messageBytes: number;
  readonly log: Log;
  /** Told of every refusal. */
  readonly onRefusal?: CallContext['onRefusal'];
  /** Told of every call when it is over. */
  readonly onEnded?: CallContext['onEnded'];
  /** How new its answers are; undefined where nothing is read. */
  readonly reads?: CallContext['reads'];
  /** By which certificates end; the machine's unless a test brings its own. */
  readonly clock?: Clock;
  /** How long calls that are being answered may still take when the server stops; 1 s. */
  readonly drainMs?: number;
}

/** A listener that serves. */
export interface GrpcServer {
  /** TCP port in use; 0 for a unix socket. */
  readonly port: number;
  /** Streams that are open. */
  readonly streams: number;
  connections(): ConnectionStats;
  /** Closes every connection; whoever was connected may come back. */
  disconnect(): void;
  /** Says NOT_SERVING, lets nobody in, ends all streams with UNAVAILABLE and lets running calls finish. Idempotent. */
  drain(): Promise<void>;
  /** {@link drain}, then closes every connection. Idempotent. */
  stop(): Promise<void>;
}

const DRAIN_MS = 1_000;
/** Streams ended in one turn of the event loop, so that calls in flight are answered in between. */
const STREAMS_A_TURN = 200;

const CHANNEL_OPTIONS = {
  // A peer that vanished without a word holds a connection until a ping goes unanswered.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 20_000,
  'grpc.max_concurrent_streams': 100,
  'grpc.enable_channelz': 0,
};

/**
 * Serves gRPC at one address, with the standard health service beside `services`.
 *
 * @throws DomainError `port_taken`, `config_invalid`.
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { authenticate, log, onRefusal, onEnded, reads } = options;
  const context: CallContext = { authenticate, log, onRefusal, onEnded, reads, draining: false, streams: new Set() };
  const server = new Server({ ...CHANNEL_OPTIONS, 'grpc.max_receive_message_length': options.messageBytes, interceptors: [noticeOversize(context)] });
  const names = ['', ...options.services.map(({ name }) => name)];
  const health = new HealthImplementation(Object.fromEntries(names.map((name) => [name, 'SERVING'])));
  health.addToServer(server);
  for (const service of options.services) server.addService(service.definition, service.implement(context));
  // Connections arrive with TLS already done, or through a socket that needs none.
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const inject = injector.injectConnection.bind(injector);
  const listener = 'socketPath' in options.listen ? await startUnixListener(options.listen.socketPath, inject) : await startTlsListener(options.listen, takeOver(inject));

  const stopLooking = followAdmissions(context.streams, options.clock ?? systemClock);
  async function drain(): Promise<void> {
    stopLooking();
    for (const name of names) health.setStatus(name, 'NOT_SERVING');
    context.draining = true;
    listener.close();
    await endStreams(context);
    await finishCalls(server, options.drainMs ?? DRAIN_MS);
  }
  let drained: Promise<void> | undefined;
  const drainOnce = (): Promise<void> => (drained ??= drain());
  return {
    port: listener.port,
    get streams() {
      return context.streams.size;
    },
    connections: () => listener.stats(),
    disconnect: () => listener.destroy(),
    drain: drainOnce,
    async stop() {
      await drainOnce();
      server.forceShutdown();
      listener.destroy();
    },
  };
}

/** Of gRPC only HTTP/2 is taken. */
function takeOver(inject: (socket: TLSSocket) => void): (socket: TLSSocket) => void {
  return (socket) => {
    if (socket.alpnProtocol !== 'h2') return void socket.destroy();
    readCertificateOnce(socket);
    inject(socket);
  };
}

async function endStreams(context: CallContext): Promise<void> {
  let ended = 0;
  for (const sink of [...context.streams]) {
    sink.fail(new DomainError('draining', 'this server is about to stop; reconnect in a few seconds, to any endpoint'));
    if (++ended % STREAMS_A_TURN === 0) await new Promise(setImmediate);
  }
}

/** A call that never ends would keep gRPC's own orderly shutdown waiting for ever. */
async function finishCalls(server: Server, withinMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, withinMs)));
  await Promise.race([new Promise<void>((resolve) => server.tryShutdown(() => resolve())), late]);
  clearTimeout(timer);
}
