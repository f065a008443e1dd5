import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { DomainError } from '../domain/errors.js';
import { parseHostPort } from '../domain/host-port.js';
import { AdminServiceClient, type WatchEventsRequest, type WatchEventsResponse } from '../gen/networkcontroller/v1/admin.js';
import { adminSocketPath } from '../platform/paths.js';
import { callStream, callUnary, connect, type RequestOf, type ResponseOf, type RpcTarget, type UnaryName } from '../platform/rpc-client.js';

/** Where the controller is and who asks, as the command line says it. */
export interface ConnectionOptions {
  readonly socket?: string;
  readonly server?: string;
  readonly serverName?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** The environment of a process. */
type Environment = Readonly<Record<string, string | undefined>>;

/** The controller as an admin sees it. */
export class AdminApi {
  readonly #client: AdminServiceClient;
  /** The socket or the address that is asked. */
  readonly where: string;

  /** Nothing is sent before the first call. */
  constructor(options: ConnectionOptions, env: Environment) {
    const target = targetOf(options, env);
    this.where = 'socketPath' in target ? target.socketPath : target.address;
    this.#client = connect(AdminServiceClient, target);
  }

  /** Asks once. @throws DomainError with the controller's own code; `unavailable` or `timeout` when nobody answers. */
  async call<K extends UnaryName<AdminServiceClient>>(method: K, request: RequestOf<AdminServiceClient[K]>): Promise<ResponseOf<AdminServiceClient[K]>> {
    try {
      return await callUnary(this.#client, method, request);
    } catch (error) {
      throw this.#located(error);
    }
  }

  /** The events, as they come. @throws DomainError like {@link call} */
  async *watchEvents(request: WatchEventsRequest): AsyncGenerator<WatchEventsResponse, void> {
    try {
      yield* callStream(this.#client, 'watchEvents', request);
    } catch (error) {
      throw this.#located(error);
    }
  }

  close(): void {
    this.#client.close();
  }

  /** Says where nobody answered, without gRPC's words about its own machinery. */
  #located(error: unknown): unknown {
    if (!(error instanceof DomainError) || error.code !== 'unavailable') return error;
    const reason = /Last error: (?:Error: )?(.*?)\. Resolution note/.exec(error.message)?.[1] ?? error.message;
    return new DomainError('unavailable', `nobody answers at ${this.where}: ${reason}`, { cause: error });
  }
}

function targetOf({ server, serverName, ca, cert, key, socket }: ConnectionOptions, env: Environment): RpcTarget {
  if (server === undefined) return { socketPath: socket ?? env['NC_ADMIN_SOCKET'] ?? adminSocketPath() };
  if (ca === undefined || cert === undefined || key === undefined) {
    throw new InvalidArgumentError('server: a remote controller wants --ca, --cert and --key beside --server');
  }
  const identity = { certificate: readPem(cert), key: readPem(key) };
  return { address: server, tls: { ca: readPem(ca), serverName: serverName ?? parseHostPort(server, 'server').host, identity } };
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new InvalidArgumentError(`${path}: cannot be read: ${(error as Error).message}`);
  }
}
