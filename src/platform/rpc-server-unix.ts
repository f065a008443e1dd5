import { chmodSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { Metadata, Server, ServerCredentials, status, type handleUnaryCall, type ServiceDefinition, type ServiceError, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { DomainError } from '../domain/errors.js';
import type { Log } from './log.js';

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
 * @param path A folder that only the owner can enter must hold it, so that nobody gets in before the mode is set.
 * @throws DomainError `conflict` when another process serves this socket.
 */
export async function serveUnixSocket<S>(path: string, service: ServiceDefinition, methods: UnaryMethods<S>, log: Log): Promise<UnixServer> {
  if (await answers(path)) throw new DomainError('conflict', `${path}: another process serves this socket`);
  rmSync(path, { force: true });
  const server = new Server();
  server.addService(service, implementation(methods, log));
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error)));
  });
  chmodSync(path, 0o600);
  return {
    stop: () =>
      new Promise((resolve) => {
        // The answer to the call that asked for the end is still on its way.
        const force = setTimeout(() => server.forceShutdown(), 500);
        server.tryShutdown(() => {
          clearTimeout(force);
          rmSync(path, { force: true });
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
    metadata.set('nc-error-code', error.code);
    return { code: status.FAILED_PRECONDITION, details: `${error.code}: ${error.message}`, metadata };
  }
  log.error('a call failed', { method, error });
  return { code: status.INTERNAL, details: 'internal: see the log', metadata };
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
