import { LRUCache } from 'lru-cache';
import { isWithin, labelsOf, parseDnsName, type DnsName } from '../../domain/dns-name.js';
import type { Clock } from '../../platform/clock.js';
import type { ForeignAnswer } from '../../platform/dns/foreign-answer.js';
import { questionKey, type Query } from '../../platform/dns/query.js';
import { Forwarder } from './forwarder.js';
import type { Upstream } from '../../platform/dns/upstream.js';

const MAX_ANSWERS = 20_000;
const MAX_OCTETS = 32 << 20;
/** What an entry costs beside its octets, roughly. */
const ENTRY_OCTETS = 400;

/** The TTL of an answer that ran out and stands in because nobody answers. @see RFC 8767 §5 */
const STALE_TTL_SECONDS = 30;
/** How long a client waits for a fresh answer before it gets the stale one. @see RFC 8767 §5 */
const STALE_AFTER_MS = 1800;

/** An answer asked for in the last tenth of its time is fetched anew before it runs out. */
const PREFETCH_PART = 0.1;

/** An answer to relay. */
export interface Resolved {
  readonly answer: ForeignAnswer;
  /** What becomes of each of its TTLs. */
  readonly ttl: (seconds: number) => number;
  readonly source: 'upstream' | 'upstreamCache' | 'upstreamStale';
  /** For one that is kept and not yet to be fetched anew. */
  readonly kept?: KeptTimes;
}

/** From when a kept answer is, and until when whoever asks gets it with its TTLs counted down. */
export interface KeptTimes {
  readonly atMs: number;
  readonly untilMs: number;
}

interface Kept {
  readonly answer: ForeignAnswer;
  readonly atMs: number;
}

/** Answers questions about other names from what is kept, or by asking the servers named for them. */
export class Resolver {
  readonly #staleMs: number;
  readonly #clock: Clock;
  readonly #forwarders: readonly { readonly suffix: DnsName; readonly forwarder: Forwarder }[];
  readonly #kept = new LRUCache<string, Kept>({ max: MAX_ANSWERS, maxSize: MAX_OCTETS, sizeCalculation: ({ answer }) => answer.message.length + ENTRY_OCTETS });
  readonly #asking = new Map<string, Promise<ForeignAnswer | undefined>>();

  /**
   * @param staleMs How long an answer that ran out may still stand in when nobody answers.
   * @throws DomainError `invalid_argument` for a suffix that is no name.
   */
  constructor(upstreams: readonly Upstream[], staleMs: number, clock: Clock) {
    this.#staleMs = staleMs;
    this.#clock = clock;
    const suffixes = new Set(upstreams.map(({ suffix }) => parseDnsName(suffix ?? '', 'upstream suffix')));
    this.#forwarders = [...suffixes]
      .toSorted((a, b) => labelsOf(b).length - labelsOf(a).length)
      .map((suffix) => ({ suffix, forwarder: new Forwarder(upstreams.filter((upstream) => parseDnsName(upstream.suffix ?? '') === suffix), clock) }));
  }

  /** Whether there is anybody to ask. */
  get enabled(): boolean {
    return this.#forwarders.length > 0;
  }

  /** Whether there is anybody to ask about this name. */
  serves(name: DnsName): boolean {
    return this.#forwarderFor(name) !== undefined;
  }

  /** @returns undefined when nobody answered and nothing was kept. */
  async resolve(query: Query, name: DnsName): Promise<Resolved | undefined> {
    const forwarder = this.#forwarderFor(name);
    if (forwarder === undefined) return undefined;
    const key = `${questionKey(query)}${query.edns?.dnssecOk === true ? 'D' : ''}${(query.message[3]! & 0x10) === 0 ? '' : 'C'}`;
    const kept = this.#kept.get(key);
    if (kept === undefined) return fresh(await this.#ask(key, query, forwarder));
    const ageMs = this.#clock.now() - kept.atMs;
    const leftMs = kept.answer.keepSeconds * 1000 - ageMs;
    if (leftMs <= -this.#staleMs) return fresh(await this.#ask(key, query, forwarder));
    if (leftMs <= 0) return this.#freshOrStale(key, query, forwarder, kept);
    const untilMs = kept.atMs + kept.answer.keepSeconds * 1000 * (1 - PREFETCH_PART);
    const isSteady = this.#clock.now() < untilMs;
    if (!isSteady) void this.#ask(key, query, forwarder);
    const ageSeconds = Math.floor(ageMs / 1000);
    return { answer: kept.answer, source: 'upstreamCache', ttl: (seconds) => Math.max(0, seconds - ageSeconds), ...(isSteady && { kept: { atMs: kept.atMs, untilMs } }) };
  }

  #forwarderFor(name: DnsName): Forwarder | undefined {
    return this.#forwarders.find(({ suffix }) => isWithin(name, suffix))?.forwarder;
  }

  async #freshOrStale(key: string, query: Query, forwarder: Forwarder, kept: Kept): Promise<Resolved | undefined> {
    const late = new Promise<undefined>((resolve) => this.#clock.after(STALE_AFTER_MS, () => resolve(undefined)));
    const answer = await Promise.race([this.#ask(key, query, forwarder), late]);
    if (answer !== undefined) return fresh(answer);
    return { answer: kept.answer, source: 'upstreamStale', ttl: () => STALE_TTL_SECONDS };
  }

  /** Asks once for however many clients want to know. */
  #ask(key: string, query: Query, forwarder: Forwarder): Promise<ForeignAnswer | undefined> {
    const running = this.#asking.get(key);
    if (running !== undefined) return running;
    const asking = forwarder.ask(query).then((answer) => {
      if (answer !== undefined && answer.keepSeconds > 0) this.#kept.set(key, { answer, atMs: this.#clock.now() });
      return answer;
    });
    this.#asking.set(key, asking);
    return asking.finally(() => this.#asking.delete(key));
  }
}

function fresh(answer: ForeignAnswer | undefined): Resolved | undefined {
  return answer && { answer, source: 'upstream', ttl: (seconds) => seconds };
}
