import { isWithin, parseDnsName, type DnsName } from '../../domain/dns-name.js';
import type { ZoneChange } from '../../domain/zone-input.js';
import type { Clock } from '../../platform/clock.js';
import { typeName, type Rcode } from '../../platform/dns/codes.js';
import { Signer } from '../../platform/dns/dnssec/signer.js';
import { SigningKey } from '../../platform/dns/dnssec/signing-key.js';
import { relayAnswer } from '../../platform/dns/foreign-answer.js';
import { composeRefusal, type Transport } from '../../platform/dns/reply.js';
import type { Query } from '../../platform/dns/query.js';
import { NOT_KNOWN } from '../../platform/dns/reply-cache.js';
import type { Log } from '../../platform/log.js';
import type { AnswerSource } from '../../platform/dns/answer-source.js';
import type { DnsCounters } from './counters.js';
import { KeptReplies } from './kept-replies.js';
import { OwnClients } from './own-clients.js';
import { describeExchange } from './query-log.js';
import type { DnsClient, QueryHandler, Repeater, Replier, Via } from '../../platform/dns/query-handler.js';
import { Resolver } from './resolver.js';
import type { StoredNodes } from '../store/stored-nodes.js';
import type { Enclosure, Upstream } from '../../platform/dns/upstream.js';
import { ZoneViews } from './zone-views.js';

/** What a service is made of. */
export interface DnsServiceOptions {
  /** Name of the forward zone, `nc.internal`. */
  readonly zone: string;
  /** What is said to whoever asks for our version; they are refused when it is left out. */
  readonly version?: string | undefined;
  /** Where nodes are looked up; those of changes are kept when it is left out. */
  readonly nodes?: StoredNodes | undefined;
  readonly upstreams: readonly Upstream[];
  /** How long an answer that ran out may stand in when no upstream answers. */
  readonly serveStaleMs: number;
  readonly enclosures: readonly Enclosure[];
  readonly counters: DnsCounters;
  readonly clock: Clock;
  readonly log: Log;
}

/** DNSSEC keys, PKCS #8 in PEM. All of them sign. */
export type SigningKeysPem = readonly string[];

/** The changes of one revision. */
export interface ZoneRevision {
  readonly revision: bigint;
  readonly changes: readonly ZoneChange[];
}

/** Whether an answer must fit a datagram. */
const TRANSPORT_OF = { udp: 'udp', tunnel: 'udp', tcp: 'tcp', tls: 'tcp', https: 'tcp' } as const satisfies Record<Via, Transport>;
const QUERIES_VIA = { udp: 'udpQueries', tcp: 'tcpQueries', tls: 'tlsQueries', https: 'httpsQueries', tunnel: 'tunnelQueries' } as const satisfies Record<Via, string>;

/** Decides what each query gets: an answer from the zone, one from elsewhere, a refusal, or nothing. */
export class DnsService {
  readonly #views: ZoneViews;
  readonly #ownClients = new OwnClients();
  readonly #resolver: Resolver;
  readonly #keptReplies = new KeptReplies();
  readonly #enclosures: readonly { readonly suffix: DnsName; readonly types: readonly string[] | undefined }[];
  readonly #counters: DnsCounters;
  readonly #clock: Clock;
  readonly #log: Log;
  #logsQueries = false;

  /** @throws DomainError `invalid_argument` for a zone that is no name. */
  constructor(options: DnsServiceOptions) {
    this.#views = new ZoneViews(options.zone, options);
    this.#resolver = new Resolver(options.upstreams, options.serveStaleMs, options.clock);
    this.#enclosures = options.enclosures.map(({ suffix, types }) => ({ suffix: parseDnsName(suffix, 'enclosure'), types }));
    this.#counters = options.counters;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** Makes the changes of a revision. One that no record can carry is reported, and keeps none of the others back. */
  apply({ revision, changes }: ZoneRevision): void {
    for (const change of changes) {
      try {
        this.#views.apply(change);
        // Reverse zones come and go with them: whose names those are then changes.
        if (change.kind === 'network' || change.kind === 'networkRemoved') this.#keptReplies.clear();
        if (change.kind === 'network') this.#ownClients.set(change.network);
        if (change.kind === 'networkRemoved') this.#ownClients.remove(change.name);
      } catch (error) {
        this.#log.warn('a change cannot be shown in DNS', { change: change.kind, revision, error });
      }
    }
    this.#views.setRevision(revision);
    this.#counters.set('names', this.#views.outside.size);
    this.#counters.set('serial', this.#views.outside.serial);
  }

  /** Signs the zones with these keys from now on, or not at all. @throws DomainError `state_invalid` for a key that cannot be read. */
  signWith(keys: SigningKeysPem | undefined): void {
    if (keys === undefined) return this.#views.signWith(undefined);
    this.#views.signWith(new Signer(keys.map((pem) => SigningKey.fromPem(pem)), this.#clock));
  }

  /** Writes a line for every query from now on, or none. */
  logQueries(on: boolean): void {
    this.#logsQueries = on;
  }

  /** A `Repeater`: most queries came before, and what each leaves behind for the garbage collector adds to a pause. */
  readonly repeat: Repeater = (query, address) => {
    if (this.#logsQueries) return undefined;
    const network = this.#ownClients.networkOf(address);
    const recursion = this.#resolver.enabled && network !== undefined;
    const replies = this.#views.responderFor(network).repliesTo('udp', recursion);
    const place = replies.find(query);
    if (place === NOT_KNOWN) return recursion ? this.#repeatKept(query) : undefined;
    this.#counters.add('udpQueries');
    this.#counters.addAnswer(replies.typeAt(place), replies.codeAt(place), 'cache');
    return replies.repeat(place, query);
  };

  /** A `QueryHandler`. Whatever goes wrong with one query, the next is answered. */
  readonly handle: QueryHandler = (bytes, client, reply) => {
    try {
      this.#counters.add(QUERIES_VIA[client.via]);
      const message = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const network = client.network ?? this.#ownClients.networkOf(client.address);
      const recursion = this.#resolver.enabled && (client.own === true || network !== undefined);
      const transport = TRANSPORT_OF[client.via];
      const kept = recursion ? this.#keptReplies.find(message, transport, this.#clock.now()) : undefined;
      if (kept !== undefined) return this.#finish({ message, client, reply }, kept.message, 'upstreamCache', kept.type);
      const answer = this.#views.responderFor(network).answer(message, transport, recursion);
      if (answer.kind === 'answer') return this.#finish({ message, client, reply }, answer.message, answer.source, answer.type);
      if (answer.kind === 'outside') return this.#lookElsewhere({ message, client, reply }, answer, recursion);
      this.#counters.add('ignored');
      reply(undefined);
    } catch (error) {
      this.#fail(reply, error);
    }
  };

  #repeatKept(query: Buffer): Buffer | undefined {
    const kept = this.#keptReplies.find(query, 'udp', this.#clock.now());
    if (kept === undefined) return undefined;
    this.#counters.add('udpQueries');
    this.#counters.addAnswer(kept.type, kept.message[3]! & 0x0f, 'upstreamCache');
    return kept.message;
  }

  #lookElsewhere(exchange: Exchange, { query, name }: { query: Query; name: DnsName }, recursion: boolean): void {
    const refusal = recursion && wantsRecursion(query) ? this.#refusalOf(name, query.type) : 'REFUSED';
    if (refusal !== undefined) return this.#finish(exchange, composeRefusal(query, refusal, recursion), 'refusal', query.type);
    this.#resolve(exchange, query, name).catch((error: unknown) => this.#fail(exchange.reply, error));
  }

  async #resolve(exchange: Exchange, query: Query, name: DnsName): Promise<void> {
    const resolved = await this.#resolver.resolve(query, name);
    if (resolved === undefined) return this.#finish(exchange, composeRefusal(query, 'SERVFAIL', true), 'upstreamFailure', query.type);
    const transport = TRANSPORT_OF[exchange.client.via];
    const answer = relayAnswer(query, resolved.answer, transport, resolved.ttl);
    this.#keptReplies.keep(query, transport, answer, resolved);
    this.#finish(exchange, answer, resolved.source, query.type);
  }

  #finish({ message, client, reply }: Exchange, answer: Buffer, source: AnswerSource, type: number): void {
    this.#counters.addAnswer(type, answer[3]! & 0x0f, source);
    if (this.#logsQueries) this.#log.info('DNS query', { ...describeExchange(message, answer), ...client, source });
    reply(answer, source);
  }

  #fail(reply: Replier, error: unknown): void {
    this.#log.error('a query could not be answered', { error });
    reply(undefined);
  }

  /** Why nobody else is asked about this name: it is ours alone, or there is nobody to ask. */
  #refusalOf(name: DnsName, type: number): Rcode | undefined {
    const isEnclosed = this.#enclosures.some(({ suffix, types }) => isWithin(name, suffix) && (types?.includes(typeName(type)) ?? true));
    if (isEnclosed) return 'NXDOMAIN';
    return this.#resolver.serves(name) ? undefined : 'REFUSED';
  }
}

/** One query on its way through. */
interface Exchange {
  readonly message: Uint8Array;
  readonly client: DnsClient;
  readonly reply: Replier;
}

/** A query without this wish wants to know what we know ourselves. @see RFC 1034 §4.3.1 */
function wantsRecursion(query: Query): boolean {
  return (query.message[2]! & 0x01) !== 0;
}
