import { Metadata, type CallOptions, type ServiceError } from '@grpc/grpc-js';
import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '../../../domain/errors.js';
import { UnknownOutcome } from '../store.js';
import { EtcdMember, type EtcdTls } from './etcd-member.js';
import { fateOf, type Fate } from './fate.js';

/** Where etcd is and how it is asked. */
export interface EtcdAddress {
  /** `https://host:port` each; the nearest first. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls | undefined;
  /** How long one member may take for an answer before the next one is asked. */
  readonly requestTimeoutMs: number;
}

/** A generated method, bound to its client. */
type Unary<Q, S> = (request: Q, metadata: Metadata, options: Partial<CallOptions>, callback: (error: ServiceError | null, response: S) => void) => unknown;

/** An election takes one to two seconds; who has waited for longer has lost the majority. Callers wait for ten at most. */
const PATIENCE_MS = 4_000;

const RETRY_MS = 50;

/**
 * The members of the etcd cluster, of which one is asked until it fails: then the next. Each of them gives the same answers, because
 * every read here is linearizable.
 */
export class EtcdMembers {
  readonly #members: readonly EtcdMember[];
  readonly #requestTimeoutMs: number;
  #current = 0;
  #closed = false;

  constructor({ endpoints, tls, requestTimeoutMs }: EtcdAddress) {
    this.#members = endpoints.map((endpoint) => new EtcdMember(endpoint, tls));
    this.#requestTimeoutMs = requestTimeoutMs;
  }

  /** All of them, in the order of their endpoints. */
  get all(): readonly EtcdMember[] {
    return this.#members;
  }

  /** The one that is asked at present. */
  get current(): EtcdMember {
    return this.#members[this.#current] as EtcdMember;
  }

  /** Turns away from `member`, if it is the one that is asked. */
  leave(member: EtcdMember): void {
    if (member === this.current) this.#current = (this.#current + 1) % this.#members.length;
  }

  /**
   * Asks what may be asked twice, going round the members until one answers.
   *
   * @throws DomainError `store_full` when etcd has no space left, `store_failed` when it refuses for another reason or none has answered
   *   for four seconds; its cause tells which.
   */
  read<Q, S>(method: (member: EtcdMember) => Unary<Q, S>, request: Q): Promise<S> {
    return this.repeat((member, options) => call(method(member), request, options));
  }

  /**
   * The same for a call of another form. `attempt` must not outlast the deadline in its options.
   *
   * @throws As {@link read} says.
   */
  repeat<T>(attempt: (member: EtcdMember, options: Partial<CallOptions>) => Promise<T>): Promise<T> {
    return this.#goRound(attempt, (fate) => fate !== 'refused');
  }

  /**
   * Asks what must not be done twice: goes round the members only while it is certain that the request never left.
   *
   * @throws UnknownOutcome when it was sent and not answered; DomainError as {@link read} says.
   */
  write<Q, S>(method: (member: EtcdMember) => Unary<Q, S>, request: Q): Promise<S> {
    return this.#goRound((member, options) => call(method(member), request, options), (fate) => fate === 'unsent');
  }

  close(): void {
    this.#closed = true;
    for (const member of this.#members) member.close();
  }

  async #goRound<T>(attempt: (member: EtcdMember, options: Partial<CallOptions>) => Promise<T>, mayRepeat: (fate: Fate) => boolean): Promise<T> {
    const giveUpAt = performance.now() + PATIENCE_MS;
    for (;;) {
      const member = this.current;
      try {
        return await attempt(member, { deadline: Date.now() + this.#requestTimeoutMs });
      } catch (cause) {
        const error = cause as ServiceError;
        const fate = fateOf(error);
        if (fate !== 'refused') this.leave(member);
        if (!mayRepeat(fate) || this.#closed || performance.now() > giveUpAt) throw told(error, fate, member);
      }
      await sleep(RETRY_MS);
    }
  }
}

/** `hasleader`: a member that is cut off from the others says so at once. */
function call<Q, S>(method: Unary<Q, S>, request: Q, options: Partial<CallOptions>): Promise<S> {
  return new Promise((resolve, reject) => {
    method(request, withLeader(), options, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** Metadata by which a member without a leader refuses. @see https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/ */
export function withLeader(): Metadata {
  const metadata = new Metadata();
  metadata.set('hasleader', 'true');
  return metadata;
}

/** What etcd says from the moment on when its file is as large as `--quota-backend-bytes` allows. */
const NO_SPACE = /database space exceeded/;

function told(error: ServiceError, fate: Fate, { endpoint }: EtcdMember): Error {
  if (fate === 'unknown') return new UnknownOutcome(`etcd at ${endpoint} did not answer: ${error.details}`, { cause: error });
  if (NO_SPACE.test(error.details)) {
    const advice = 'compact its history, defragment each member and disarm the alarm, or raise --quota-backend-bytes';
    return new DomainError('store_full', `etcd at ${endpoint} has used up its space and takes no writes; ${advice}`, { cause: error });
  }
  const why = fate === 'unsent' ? 'no member of etcd can be reached, or none knows a leader; the last one was' : 'refused by etcd at';
  return new DomainError('store_failed', `${why} ${endpoint}: ${error.details}`, { cause: error });
}
