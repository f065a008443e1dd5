import type { Worker } from 'node:worker_threads';
import { DomainError } from '../../domain/errors.js';
import type { ZoneChange, ZoneNetwork } from '../../domain/zone-input.js';
import type { Log } from '../../platform/log.js';
import { SigningKey } from '../../platform/dns/dnssec/signing-key.js';
import { startWorker } from '../../platform/worker.js';
import type { AnswerSource } from '../../platform/dns/answer-source.js';
import { DnsCounters, type DnsStats } from './counters.js';
import type { SigningKeysPem, ZoneRevision } from './dns-service.js';
import type { DnsAddress, DnsClient, DnsTlsMaterial, Via } from '../../platform/dns/query-handler.js';
import type { Enclosure, Upstream } from '../../platform/dns/upstream.js';
import { portionsOf } from './portions.js';
import type { FromWorker, HandedAnswer, HandedQuery, ToWorker, WorkerSetup } from './worker-messages.js';

/** Each query leaves a buffer of its own: the fewer of them wait to be freed together, the shorter the pause in which nobody is answered. */
const LIMITS = { maxYoungGenerationSizeMb: 2 };

/** Changes in one message at the start. */
const PORTION = 4096;

/** @see RFC 8767 §5 */
const SERVE_STALE_MS = 86_400_000;

/** What the name server is started with. */
export interface DnsOptions {
  /** Where to answer, UDP and TCP each; port 0 draws a free one. May be empty: then only {@link Dns.answer} answers. */
  readonly listen: readonly DnsAddress[];
  /** Where to answer over TLS; 853 is the usual port. @see RFC 7858 */
  readonly tls?: { readonly listen: readonly DnsAddress[]; readonly material: DnsTlsMaterial };
  /** Name of the forward zone, `nc.internal`. */
  readonly zone: string;
  /** What is said to whoever asks for our version, in class CHAOS; they are refused when it is left out. */
  readonly version?: string | undefined;
  /** The SQLite file that nodes are looked up in. When it is left out, those of `changes` and of every {@link Dns.apply} are kept. */
  readonly storeFile?: string;
  readonly networks: readonly ZoneNetwork[];
  /** All that is known at the start, so that no answer is ever given from half a zone. */
  readonly changes?: Iterable<ZoneChange>;
  /** The revision that shows `networks` and `changes`. */
  readonly revision?: bigint;
  /** Keys to sign the zones with; unsigned without. */
  readonly signingKeys?: SigningKeysPem;
  /** Name servers that are asked for other names, on behalf of our own nodes; none means REFUSED. */
  readonly upstreams: readonly Upstream[];
  /** How long an answer that ran out may stand in when no upstream answers; a day by default. */
  readonly serveStaleMs?: number;
  /** Names that are never asked of others, beside our own zones. */
  readonly enclosures?: readonly Enclosure[];
  readonly log: Log;
}

/** An answer, and where it came from. */
export interface Asked {
  readonly answer: Uint8Array;
  readonly source: AnswerSource;
}

/** The name server as the rest of the server sees it. */
export interface Dns {
  /** In the order of `listen`. */
  readonly ports: readonly number[];
  /** In the order of `tls.listen`. */
  readonly tlsPorts: readonly number[];
  /** Shows a revision. Every query handed over after this call is answered from it. One without changes keeps the serial. */
  apply(revision: ZoneRevision): void;
  /**
   * Answers a query that came another way, through the tunnel if `via` is left out; undefined for a message that gets no
   * answer.
   */
  answer(query: Uint8Array, client: Omit<DnsClient, 'via'> & { readonly via?: Via }): Promise<Uint8Array | undefined>;
  /** Like {@link answer}, with the place that the answer came from. */
  ask(query: Uint8Array, client: DnsClient): Promise<Asked | undefined>;
  /**
   * Signs with other keys from now on, or with none.
   *
   * @throws DomainError `state_invalid` for a key that cannot be read; the keys before stay.
   */
  setSigningKeys(keys: SigningKeysPem | undefined): void;
  /** Writes a line for every query from now on, with the way its answer took; or none. */
  logQueries(on: boolean): void;
  /** Shows another certificate to whoever connects over TLS from now on. */
  setCertificate(material: DnsTlsMaterial): void;
  stats(): DnsStats;
  stop(): Promise<void>;
}

/**
 * Starts the name server in a thread of its own.
 *
 * @throws DomainError `port_taken`; `config_invalid` for an address or port that this user cannot have;
 *   `invalid_argument` for a zone that is no name; `state_invalid` for a signing key that cannot be read.
 */
export async function startDns(options: DnsOptions): Promise<Dns> {
  const counters = new DnsCounters();
  const setup: WorkerSetup = { zone: options.zone, version: options.version, storeFile: options.storeFile, listen: options.listen, tls: options.tls, signingKeys: options.signingKeys, upstreams: options.upstreams, serveStaleMs: options.serveStaleMs ?? SERVE_STALE_MS, enclosures: options.enclosures ?? [], counters: counters.memory };
  const dns = new DnsThread(startWorker('./dns-worker', import.meta.url, setup, { resourceLimits: LIMITS }), counters, options.log);
  dns.open(options.revision ?? 0n, allChanges(options));
  await dns.listening;
  return dns;
}

function* allChanges({ networks, changes }: DnsOptions): Generator<ZoneChange> {
  for (const network of networks) yield { kind: 'network', network };
  yield* changes ?? [];
}

class DnsThread implements Dns {
  readonly listening: Promise<void>;
  readonly #worker: Worker;
  readonly #counters: DnsCounters;
  readonly #log: Log;
  readonly #waiting = new Map<number, (asked: Asked | undefined) => void>();
  readonly #exited: Promise<void>;
  #asked: HandedQuery[] = [];
  #ports: readonly number[] = [];
  #tlsPorts: readonly number[] = [];
  #nextId = 0;
  #running = true;

  constructor(worker: Worker, counters: DnsCounters, log: Log) {
    this.#worker = worker;
    this.#counters = counters;
    this.#log = log;
    this.#exited = new Promise((resolve) => worker.once('exit', () => resolve(this.#end())));
    this.listening = new Promise((resolve, reject) => {
      worker.on('message', (message: FromWorker) => this.#hear(message, resolve, reject));
      worker.once('error', (error) => {
        this.#log.error('the DNS thread has ended', { error });
        reject(error);
      });
    });
  }

  get ports(): readonly number[] {
    return this.#ports;
  }

  get tlsPorts(): readonly number[] {
    return this.#tlsPorts;
  }

  /** Hands over all that is known, in portions: the thread works on the first while the next is read. Then it may listen. */
  open(revision: bigint, changes: Iterable<ZoneChange>): void {
    for (const portion of portionsOf(changes, PORTION)) this.#tell({ kind: 'apply', revision, changes: portion });
    this.#tell({ kind: 'open' });
  }

  apply({ revision, changes }: ZoneRevision): void {
    // Most revisions, such as a node's coming and going, show in no name: what was encoded stays good.
    if (changes.length > 0) this.#tell({ kind: 'apply', revision, changes });
  }

  async answer(query: Uint8Array, { via = 'tunnel', ...client }: Omit<DnsClient, 'via'> & { readonly via?: Via }): Promise<Uint8Array | undefined> {
    return (await this.ask(query, { via, ...client }))?.answer;
  }

  ask(query: Uint8Array, client: DnsClient): Promise<Asked | undefined> {
    if (!this.#running) return Promise.resolve(undefined);
    const id = this.#nextId++;
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve);
      // To wake the thread costs more than to answer, so what comes in one turn of the event loop goes in one message.
      if (this.#asked.length === 0) setImmediate(() => this.#handOver());
      // A copy of its own: to hand over a part of a shared buffer copies all of that.
      this.#asked.push({ id, query: Uint8Array.from(query), client });
    });
  }

  #handOver(): void {
    this.#tell({ kind: 'queries', queries: this.#asked });
    this.#asked = [];
  }

  setCertificate(material: DnsTlsMaterial): void {
    this.#tell({ kind: 'certificate', material });
  }

  logQueries(on: boolean): void {
    this.#tell({ kind: 'logQueries', on });
  }

  setSigningKeys(keys: SigningKeysPem | undefined): void {
    for (const pem of keys ?? []) SigningKey.fromPem(pem);
    this.#tell({ kind: 'signingKeys', keys });
  }

  stats(): DnsStats {
    return this.#counters.read();
  }

  async stop(): Promise<void> {
    this.#tell({ kind: 'stop' });
    await this.#exited;
  }

  #tell(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromWorker, listening: () => void, failed: (error: DomainError) => void): void {
    switch (message.kind) {
      case 'listening':
        this.#ports = message.ports;
        this.#tlsPorts = message.tlsPorts;
        return listening();
      case 'failed':
        void this.#worker.terminate();
        return failed(new DomainError(message.code, message.message));
      case 'answers':
        return message.answers.forEach((answer) => this.#take(answer));
      case 'log':
        return this.#log[message.level](message.message, message.fields);
      case 'stopped':
        return void this.#worker.terminate();
    }
  }

  #take({ id, asked }: HandedAnswer): void {
    this.#waiting.get(id)?.(asked);
    this.#waiting.delete(id);
  }

  #end(): void {
    this.#running = false;
    for (const resolve of this.#waiting.values()) resolve(undefined);
    this.#waiting.clear();
  }
}
