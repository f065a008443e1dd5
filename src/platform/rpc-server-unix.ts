import { createServer } from 'node:net';
import { Metadata, Server, ServerCredentials, status, type handleUnaryCall, type ServiceDefinition, type ServiceError, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { DomainError } from '../domain/errors.js';
import type { Log } from './log.js';
import { listenOnPrivateSocket } from './private-socket.js';
import { ERROR_CODE_KEY } from './rpc-metadata.js';

/** The unary methods of a service as functions, for the services that ts-proto describes as `…Server`. */
export type UnaryMethods<S> = {
  readonly [K in keyof S as string extends K ? never : K]: S[K] extends handleUnaryCall<infer Request, infer Response> ? (request: Request) => Promise<Response> : never;
};

/** A running server on a unix socket. */
export interface UnixServer {
  /** Ends calls under way, takes the socket away. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Serves unary gRPC on a unix socket that only its owner can open: the file mode is the authentication.
 *
 * A socket file that nobody answers on was left by a crash and is replaced.
 *
 * @throws DomainError `conflict` when another process serves this socket; `config_invalid` for a folder that others can write to.
 */
export async function serveUnixSocket<S>(path: string, service: ServiceDefinition, methods: UnaryMethods<S>, log: Log): Promise<UnixServer> {
  const server = new Server();
  server.addService(service, implementation(methods, log));
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const socket = createServer((connection) => injector.injectConnection(connection));
  await listenOnPrivateSocket(socket, path, 'agent socket').catch((error: unknown) => {
    if (error instanceof DomainError && error.code === 'port_taken') throw new DomainError('conflict', `${path}: another process serves this socket`, { cause: error });
    throw error;
  });
  return {
    stop: () =>
      new Promise((resolve) => {
        socket.close();
        // The answer to the call that asked for the end is still on its way.
        const force = setTimeout(() => server.forceShutdown(), 500);
        server.tryShutdown(() => {
          clearTimeout(force);
          resolve();
        });
      }),
  };
}

function implementation<S>(methods: UnaryMethods<S>, log: Log): UntypedServiceImplementation {
  const wrap = (name: string, method: (request: unknown) => Promise<unknown>): handleUnaryCall<unknown, unknown> => (call, callback) => {
    method(call.request).then(
      (response) => callback(null, response),
      (error: unknown) => callback(toServiceError(error, name, log)),
    );
  };
  const entries = Object.entries(methods as Record<string, (request: unknown) => Promise<unknown>>);
  return Object.fromEntries(entries.map(([name, method]) => [name, wrap(name, method)]));
}

function toServiceError(error: unknown, method: string, log: Log): Partial<ServiceError> {
  const metadata = new Metadata();
  if (error instanceof DomainError) {
    metadata.set(ERROR_CODE_KEY, error.code);
    return { code: status.FAILED_PRECONDITION, details: `${error.code}: ${error.message}`, metadata };
  }
  log.error('a call failed', { method, error });
  return { code: status.INTERNAL, details: 'internal: see the log', metadata };
}
