import { isIPv4 } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import {
  credentials,
  Metadata,
  status,
  type CallOptions,
  type ChannelCredentials,
  type Client,
  type ClientDuplexStream,
  type ClientOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type ServiceError,
} from '@grpc/grpc-js';
import { DomainError, isErrorCode, type ErrorCode } from '../domain/errors.js';
import { checkingServer, type ServerCheck } from './checked-connections.js';
import { endingWithClient } from './ended-connections.js';
import { CONSISTENT_KEY, EPOCH_KEY, ERROR_CODE_KEY, MIN_REVISION_KEY, REVISION_KEY, STALE_MS_KEY } from './rpc-metadata.js';

/** What a client believes and shows. */
export interface ClientTls {
  /** PEM: the only CAs that are trusted. */
  readonly ca: string;
  /** The name that the server's certificate must carry, whatever address it is reached under. */
  readonly serverName: string;
  /** PEM, chain of the client's certificate and its key; left out where no client certificate is asked for. */
  readonly identity?: { readonly certificate: string; readonly key: string };
}

/** Where a server is: `host:port`, `[v6]:port` with TLS, or a unix socket, whose file mode is its authentication. */
export type RpcTarget = { readonly address: string; readonly tls: ClientTls } | { readonly socketPath: string };

type ClientConstructor<C extends Client> = new (address: string, credentials: ChannelCredentials, options?: Partial<ClientOptions>) => C;

type Unary<Q, R> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: R) => void,
) => ClientUnaryCall;

type ServerStream<Q, R> = (request: Q, metadata: Metadata, options: Partial<CallOptions>) => ClientReadableStream<R>;

type DuplexStream<Q, R> = (metadata: Metadata) => ClientDuplexStream<Q, R>;

/** The names of a client's methods that stream in both directions. */
export type DuplexName<C> = { [K in keyof C]: C[K] extends DuplexStream<infer _Q, infer _R> ? K : never }[keyof C];

/** The names of a client's server-streaming methods. */
export type StreamName<C> = { [K in keyof C]: K extends DuplexName<C> ? never : C[K] extends ServerStream<infer _Q, infer _R> ? K : never }[keyof C];

/** The names of a client's unary methods. A stream's type would pass for one, so streams are left out. */
export type UnaryName<C> = { [K in keyof C]: K extends StreamName<C> | DuplexName<C> ? never : C[K] extends Unary<infer _Q, infer _R> ? K : never }[keyof C];

/** What a method takes. */
export type RequestOf<M> = M extends DuplexStream<infer Q, infer _R> ? Q : M extends ServerStream<infer Q, infer _R> ? Q : M extends Unary<infer Q, infer _R> ? Q : never;

/** What a method answers, once or many times. */
export type ResponseOf<M> = M extends DuplexStream<infer _Q, infer R> ? R : M extends ServerStream<infer _Q, infer R> ? R : M extends Unary<infer _Q, infer R> ? R : never;

const DEFAULT_DEADLINE_MS = 10_000;

const CHANNEL_OPTIONS: Partial<ClientOptions> = {
  // A proxy in the environment is meant for the web, and it breaks every call.
  'grpc.enable_http_proxy': 0,
  // 64 KiB, the default, is one round trip per 64 KiB of a snapshot.
  'grpc-node.flow_control_window': 8 * 1024 * 1024,
  'grpc.max_receive_message_length': 64 * 1024 * 1024,
  // Without these a frozen or unplugged server is never noticed.
  'grpc.keepalive_time_ms': 25_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.keepalive_permit_without_calls': 1,
  // Whoever closes a client means its connection; and who calls decides about a second try.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
};

/**
 * Makes a client; it connects with its first call. Close it when done.
 *
 * @param Client Generated constructor, `NodeServiceClient`.
 * @see RFC 8446: TLS 1.3 is the only version spoken.
 */
export function connect<C extends Client>(Client: ClientConstructor<C>, target: RpcTarget): C {
  if ('socketPath' in target) return new Client(`unix:${target.socketPath}`, endingWithClient(credentials.createInsecure()), CHANNEL_OPTIONS);
  const channel = endingWithClient(credentials.createFromSecureContext(contextOf(target.tls)));
  return new Client(targetOf(target.address), channel, { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': target.tls.serverName });
}

/**
 * Makes a client of the first server that can be reached; of the first of all when none can, so that a call tells why.
 *
 * @param withinMs How long each of them may take.
 */
export async function connectFirst<C extends Client>(Client: ClientConstructor<C>, targets: readonly RpcTarget[], withinMs: number): Promise<C> {
  const [only] = targets;
  if (only === undefined) throw new Error('want at least one target');
  for (const target of targets.length > 1 ? targets : []) {
    const client = connect(Client, target);
    if (await isReady(client, withinMs)) return client;
    client.close();
  }
  return connect(Client, only);
}

function isReady(client: Client, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => client.waitForReady(Date.now() + withinMs, (error) => resolve(error === undefined)));
}

/** Keys and certificates are read once, however often somebody tries to connect with them: that takes longer than the attempt. */
const contexts = new WeakMap<ClientTls, SecureContext>();

function contextOf(tls: ClientTls): SecureContext {
  const known = contexts.get(tls);
  if (known !== undefined) return known;
  const { ca, identity } = tls;
  const context = createSecureContext({ ca, minVersion: 'TLSv1.3', ...(identity && { cert: identity.certificate, key: identity.key }) });
  contexts.set(tls, context);
  return context;
}

/**
 * Makes a client that talks to whoever answers: only for answers that carry a signature of their own, or with a check of its own. Close
 * it when done.
 *
 * @param address `host:port`, `[v6]:port`.
 */
export function connectUnverified<C extends Client>(Client: ClientConstructor<C>, address: string, how?: ServerCheck): C {
  const lenient = credentials.createFromSecureContext(trustingNobody(), { rejectUnauthorized: false, checkServerIdentity: () => undefined });
  const channel = endingWithClient(how === undefined ? lenient : checkingServer(lenient, how));
  // RFC 6066 §3 allows no address as a server name; which name it is nobody looks at.
  return new Client(targetOf(address), channel, { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': 'unverified.invalid' });
}

let nobody: SecureContext | undefined;

/** Made once. Without a list of CAs Node.js would read all those of the web. */
function trustingNobody(): SecureContext {
  return (nobody ??= createSecureContext({ ca: [], minVersion: 'TLSv1.3' }));
}

/** gRPC makes a resolver of DNS for all that it is not told to be an address. */
function targetOf(address: string): string {
  if (address.startsWith('[')) return `ipv6:${address}`;
  return isIPv4(address.slice(0, address.lastIndexOf(':'))) ? `ipv4:${address}` : address;
}

/** How new an answer must be. */
export interface ReadWish {
  /** Not older than this revision, of a change that one has made oneself. */
  readonly minRevision?: bigint;
  /** The epoch that the revision belongs to. */
  readonly epoch?: string;
  /** With every change that was acknowledged before the question. */
  readonly consistent?: boolean;
}

/** How new an answer is. */
export interface ReadWorth {
  readonly epoch: string;
  /** 0 when the answer says nothing of it, as a refusal. */
  readonly revision: bigint;
  /** By how much it may be behind. */
  readonly staleMs: number;
}

function readMetadata({ minRevision, epoch, consistent }: ReadWish = {}): Metadata {
  const metadata = new Metadata();
  if (minRevision !== undefined) metadata.set(MIN_REVISION_KEY, minRevision.toString());
  if (epoch !== undefined) metadata.set(EPOCH_KEY, epoch);
  if (consistent === true) metadata.set(CONSISTENT_KEY, 'true');
  return metadata;
}

function readWorth(metadata: Metadata): ReadWorth {
  const text = (key: string): string => String(metadata.get(key)[0] ?? '');
  return { epoch: text(EPOCH_KEY), revision: BigInt(text(REVISION_KEY) || 0), staleMs: Number(text(STALE_MS_KEY)) };
}

/**
 * Calls a method that answers once.
 *
 * @param method  Its name on the client, `'getStatus'`.
 * @param options `deadlineMs` from now, 10 s when left out: no call waits for ever. `signal` cancels it. `read` says how new the answer must
 *   be, and `onRead` hears how new it is.
 * @throws DomainError with the server's code; `unavailable` or `timeout` when nobody answered.
 */
export function callUnary<C extends Client, K extends UnaryName<C>>(
  client: C,
  method: K,
  request: RequestOf<C[K]>,
  options: { readonly deadlineMs?: number; readonly signal?: AbortSignal; readonly read?: ReadWish; readonly onRead?: (worth: ReadWorth) => void } = {},
): Promise<ResponseOf<C[K]>> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + (options.deadlineMs ?? DEFAULT_DEADLINE_MS);
    const call = (client[method] as Unary<unknown, ResponseOf<C[K]>>).call(client, request, readMetadata(options.read), { deadline }, (error, response) => {
      options.signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(toDomainError(error));
    });
    const cancel = (): void => call.cancel();
    if (options.signal?.aborted) cancel();
    options.signal?.addEventListener('abort', cancel, { once: true });
    const { onRead } = options;
    if (onRead !== undefined) call.on('status', ({ metadata }) => onRead(readWorth(metadata)));
  });
}

/**
 * Calls a method that answers many times. Leaving the loop, or `signal`, ends the call; without deadline, because a
 * watch is meant to last.
 *
 * @throws DomainError like {@link callUnary}; `unavailable` too when the connection breaks.
 */
export async function* callStream<C extends Client, K extends StreamName<C>>(
  client: C,
  method: K,
  request: RequestOf<C[K]>,
  options: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<ResponseOf<C[K]>, void> {
  const call = (client[method] as ServerStream<unknown, ResponseOf<C[K]>>).call(client, request, new Metadata(), {});
  // After the loop has been left the cancellation itself is reported; nobody is there to hear it.
  call.on('error', () => {});
  const cancel = (): void => call.cancel();
  if (options.signal?.aborted) cancel();
  options.signal?.addEventListener('abort', cancel, { once: true });
  try {
    yield* call as AsyncIterable<ResponseOf<C[K]>>;
  } catch (error) {
    throw toDomainError(error);
  } finally {
    options.signal?.removeEventListener('abort', cancel);
    cancel();
  }
}

/** The sending side of a stream in both directions. */
export interface Duplex<Request> {
  write(request: Request): void;
}

/** What comes back on it. */
export interface DuplexEvents<Response> {
  onMessage(response: Response): void;
  /** Once, with the refusal or the loss of the connection; without an error when `signal` ended it. */
  onEnd(error: Error | undefined): void;
}

/** Opens a stream in both directions; without deadline, until `signal`, the server or the connection ends it. */
export function openDuplex<C extends Client, K extends DuplexName<C>>(
  client: C,
  method: K,
  { signal, onMessage, onEnd }: DuplexEvents<ResponseOf<C[K]>> & { readonly signal: AbortSignal },
): Duplex<RequestOf<C[K]>> {
  if (signal.aborted) {
    queueMicrotask(() => onEnd(undefined));
    return { write: () => {} };
  }
  const call = (client[method] as DuplexStream<RequestOf<C[K]>, ResponseOf<C[K]>>).call(client, new Metadata());
  const cancel = (): void => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  let ended = false;
  const end = (error?: Error): void => {
    signal.removeEventListener('abort', cancel);
    if (!ended) onEnd(signal.aborted ? undefined : error);
    ended = true;
  };
  call.on('data', onMessage).on('error', (error) => end(toDomainError(error) as Error)).on('end', () => end());
  return { write: (request) => void (ended || call.write(request)) };
}

/** Statuses that arrive without a code of ours: from gRPC itself or from something between us and the server. */
const CODE_OF: Partial<Record<status, ErrorCode>> = {
  [status.CANCELLED]: 'unavailable',
  [status.DEADLINE_EXCEEDED]: 'timeout',
  [status.UNAVAILABLE]: 'unavailable',
  [status.UNAUTHENTICATED]: 'unauthenticated',
  [status.PERMISSION_DENIED]: 'permission_denied',
  [status.RESOURCE_EXHAUSTED]: 'message_too_large',
};

function toDomainError(error: unknown): unknown {
  if (!isServiceError(error)) return error;
  const told = error.metadata?.get(ERROR_CODE_KEY)[0];
  if (typeof told === 'string' && isErrorCode(told)) {
    return new DomainError(told, error.details.replace(`${told}: `, ''), { cause: error });
  }
  const code = CODE_OF[error.code] ?? 'internal';
  // OpenSSL's words end in a newline.
  return new DomainError(code, error.details.trim().replaceAll(/\s+/g, ' ') || status[error.code], { cause: error });
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}
