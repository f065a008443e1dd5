import { readFileSync } from 'node:fs';
import { ChannelCredentials, credentials, status, type Client, type ServiceError } from '@grpc/grpc-js';
import { InvalidArgumentError } from 'commander';
import { DomainError, isErrorCode } from '../domain/errors.js';
import { AdminServiceClient } from '../gen/networkcontroller/v1/admin.js';
import { adminSocketPath } from '../platform/paths.js';
import type { AdminApi } from './admin-api.js';

/** Where the controller is and who asks, as the command line says it. */
export interface ConnectionOptions {
  readonly socket?: string;
  readonly server?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** An open connection to the controller. */
export interface AdminConnection {
  readonly api: AdminApi;
  close(): void;
}

const DEADLINE_MS = 10_000;

/** Opens the admin socket, or with `server` a TLS channel with an admin certificate. Nothing is sent yet. */
export function openAdmin(options: ConnectionOptions, env: Readonly<Record<string, string | undefined>>): AdminConnection {
  const client = options.server === undefined ? openSocket(options.socket ?? env['NC_ADMIN_SOCKET'] ?? adminSocketPath()) : openTls(options.server, options);
  return { api: promised(client), close: () => client.close() };
}

function openSocket(path: string): AdminServiceClient {
  return new AdminServiceClient(`unix:${path}`, credentials.createInsecure());
}

function openTls(server: string, { ca, cert, key }: ConnectionOptions): AdminServiceClient {
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new InvalidArgumentError('server: a remote controller wants --ca, --cert and --key beside --server');
  }
  const [root, chain, secret] = [ca, cert, key].map(readPem) as [Buffer, Buffer, Buffer];
  return new AdminServiceClient(server, ChannelCredentials.createSsl(root, secret, chain));
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new InvalidArgumentError(`${path}: cannot be read: ${(cause as Error).message}`);
  }
}

function promised(client: AdminServiceClient): AdminApi {
  const call = (method: string) => (request: unknown) =>
    new Promise((resolve, reject) => {
      const deadline = Date.now() + DEADLINE_MS;
      const unary = (client as unknown as Record<string, (...args: unknown[]) => void>)[method] as (...args: unknown[]) => void;
      unary.call(client, request, { deadline }, (error: ServiceError | null, answer: unknown) => (error ? reject(toDomainError(error, client)) : resolve(answer)));
    });
  const api = new Proxy({} as AdminApi, {
    get: (_target, method: string) =>
      method === 'watchEvents'
        ? async function* (request: Parameters<AdminServiceClient['watchEvents']>[0]) {
            try {
              yield* client.watchEvents(request);
            } catch (error) {
              throw toDomainError(error as ServiceError, client);
            }
          }
        : call(method),
  });
  return api;
}

function toDomainError(error: ServiceError, client: Client): DomainError {
  const code = String(error.metadata?.get('nc-error-code')[0] ?? '');
  const sentence = error.details.replace(`${code}: `, '');
  if (isErrorCode(code)) return new DomainError(code, sentence, { cause: error });
  const where = client.getChannel().getTarget();
  if (error.code === status.UNAVAILABLE) return new DomainError('unavailable', `nobody answers at ${where}`, { cause: error });
  if (error.code === status.DEADLINE_EXCEEDED) return new DomainError('timeout', `${where} did not answer in time`, { cause: error });
  return new DomainError('internal', sentence, { cause: error });
}
