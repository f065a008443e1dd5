/** What is counted, each under its own slot. */
const DNS_COUNTERS = [
  'udpQueries',
  'tcpQueries',
  'tlsQueries',
  'httpsQueries',
  'tunnelQueries',
  /** Answered from the zone, encoded anew. */
  'zoneAnswers',
  /** Answered from the zone with octets encoded before. */
  'cachedAnswers',
  'forwarded',
  /** Answered from what other servers said before. */
  'forwardedFromCache',
  /** The same although its time was over, because nobody answered. */
  'forwardedStale',
  /** Forwarded in vain: the client got SERVFAIL. */
  'forwardFailures',
  /** Malformed, not implemented, or not ours and not forwarded. */
  'refusals',
  /** No query at all; not answered. */
  'ignored',
  /** The revision that the answers show, modulo 2³². */
  'serial',
  /** Names that exist. */
  'names',
] as const;

/** One of the counters above. */
export type DnsCounter = (typeof DNS_COUNTERS)[number];

/** All counters at one moment. */
export type DnsStats = Readonly<Record<DnsCounter, number>>;

const SLOTS = Object.fromEntries(DNS_COUNTERS.map((counter, slot) => [counter, slot])) as Readonly<Record<DnsCounter, number>>;

/** Counters in memory that two threads share: the one that answers counts, the other reads without asking it. */
export class DnsCounters {
  readonly #values: Float64Array;

  /** @param memory Of another instance to share with; fresh by default. */
  constructor(readonly memory = new SharedArrayBuffer(DNS_COUNTERS.length * Float64Array.BYTES_PER_ELEMENT)) {
    this.#values = new Float64Array(memory);
  }

  add(counter: DnsCounter): void {
    this.#values[SLOTS[counter]]! += 1;
  }

  set(counter: DnsCounter, value: number): void {
    this.#values[SLOTS[counter]] = value;
  }

  read(): DnsStats {
    return Object.fromEntries(DNS_COUNTERS.map((counter) => [counter, this.#values[SLOTS[counter]]])) as DnsStats;
  }
}
