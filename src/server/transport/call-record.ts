import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { DomainError } from '../../domain/errors.js';
import type { Log } from '../../platform/log.js';
import { publicRandom } from '../../platform/public-random.js';
import type { Authenticate } from '../auth/authenticate.js';
import { actorOf, type Caller } from '../auth/caller.js';
import type { CallerCertificate } from '../auth/caller-certificate.js';
import { plainAddress } from '../auth/source.js';
import type { Refusal } from '../services/audit.js';
import type { OpenStream } from './stream.js';
import { authorise, type MethodPath } from './policy.js';
import type { Reads } from './reads.js';
import { STATUS_OF } from './status.js';

/** A call that is over. */
export interface EndedCall {
  /** "NodeService/Renew"; only methods that exist. */
  readonly method: string;
  readonly kind: 'unary' | 'stream';
  /** `ok` or the code of the refusal. */
  readonly code: string;
  readonly seconds: number;
}

/** What all calls of one listener share. */
export interface CallContext {
  readonly authenticate: Authenticate;
  readonly log: Log;
  /** Told of every refusal, for the audit log. */
  readonly onRefusal?: ((refusal: Refusal) => void) | undefined;
  /** Told of every call when it is over. */
  readonly onEnded?: ((call: EndedCall) => void) | undefined;
  /** How new answers are; undefined where nothing is read. */
  readonly reads?: Reads | undefined;
  /** Once true, nothing new is begun. */
  draining: boolean;
  /** The streams that are open. */
  readonly streams: Set<OpenStream>;
}

/** What agents and monitors say again and again while nothing happens; ten thousand would fill the log with it. */
const ROUTINE: ReadonlySet<string> = new Set<MethodPath>([
  '/networkcontroller.v1.NodeService/Report',
  '/networkcontroller.v1.NodeService/HealthCheck',
  '/networkcontroller.v1.BootstrapService/HealthCheck',
]);

/** One call from its beginning to its one line in the log. */
export class CallRecord {
  /** 16 hexadecimal digits. */
  readonly requestId = publicRandom(8).toString('hex');
  readonly #context: CallContext;
  readonly #method: string;
  readonly #address: string;
  readonly #startedMs = performance.now();
  /** Read once: of a connection that has just ended it cannot be read any more. */
  readonly #certificate: CallerCertificate | undefined;
  #actor = 'unknown';
  /** Of the client certificate that let the caller in. */
  #serial: string | undefined;

  constructor(
    context: CallContext,
    call: Pick<ServerUnaryCall<unknown, unknown> | ServerWritableStream<unknown, unknown>, 'getPath' | 'getPeer' | 'getAuthContext'>,
    private readonly kind: EndedCall['kind'],
  ) {
    this.#context = context;
    this.#method = call.getPath();
    this.#address = addressOf(call.getPeer());
    this.#certificate = call.getAuthContext().sslPeerCertificate;
  }

  /**
   * Finds out who calls and whether that is allowed, at the beginning or again. What the caller says of itself in metadata plays no part.
   *
   * @throws DomainError `draining` and the refusals of {@link Authenticate} and {@link authorise}.
   */
  async admit(): Promise<Caller> {
    if (this.#context.draining) throw new DomainError('draining', 'this server is about to stop; try again in a few seconds');
    const caller = await this.#context.authenticate({ address: this.#address, certificate: this.#certificate });
    this.#actor = actorOf(caller);
    this.#serial = 'serial' in caller ? caller.serial : undefined;
    authorise(this.#method, caller);
    return caller;
  }

  /** When the certificate that the caller has shown ends, UTC ms; Infinity without one. */
  get certificateEndsAtMs(): number {
    return this.#certificate === undefined ? Number.POSITIVE_INFINITY : Date.parse(this.#certificate.valid_to);
  }

  /** Writes the line: method, caller, code, time; never what was said. A good {@link ROUTINE} call is told at `debug` only. */
  ended(error?: unknown): void {
    const refusal = error instanceof DomainError ? error : undefined;
    const code = error === undefined ? 'ok' : (refusal?.code ?? 'internal');
    const elapsedMs = performance.now() - this.#startedMs;
    this.#context.onEnded?.({ method: shortName(this.#method), kind: this.kind, code, seconds: elapsedMs / 1000 });
    const ms = Math.round(elapsedMs);
    const line = { method: this.#method, caller: this.#actor, ...(this.#serial !== undefined && { serial: this.#serial }), address: this.#address, code, ms, requestId: this.requestId };
    if (error === undefined) this.#context.log[ROUTINE.has(this.#method) ? 'debug' : 'info']('rpc', line);
    else if (refusal === undefined) this.#context.log.error('rpc failed', { ...line, error });
    else if (STATUS_OF[refusal.code].result === '500' && refusal.code !== 'draining') this.#context.log.warn('rpc refused', { ...line, error });
    else this.#context.log.info('rpc refused', { ...line, reason: refusal.message });
    if (refusal === undefined || refusal.code === 'draining') return;
    const method = this.#method.slice(this.#method.lastIndexOf('/') + 1);
    this.#context.onRefusal?.({ actor: this.#actor, peerAddress: this.#address, method, result: code, reason: refusal.message });
  }
}

/** "NodeService/Renew" of "/networkcontroller.v1.NodeService/Renew". */
function shortName(path: string): string {
  return path.slice(path.lastIndexOf('.') + 1);
}

/** The address without port of "192.0.2.1:4711" or "2001:db8::1:4711", as gRPC joins them. */
function addressOf(peer: string): string {
  return plainAddress(peer.replace(/:\d+$/, ''));
}
