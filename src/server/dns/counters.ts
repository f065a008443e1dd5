import { ANSWER_SOURCES, type AnswerSource } from '../../platform/dns/answer-source.js';
import { typeCode } from '../../platform/dns/codes.js';

const COUNTERS = [
  'udpQueries',
  'tcpQueries',
  'tlsQueries',
  'httpsQueries',
  'tunnelQueries',
  /** No query at all; not answered. */
  'ignored',
  /** The revision that the answers show, modulo 2³². */
  'serial',
  /** Names that exist. */
  'names',
] as const;

/** One counter. */
export type DnsCounter = (typeof COUNTERS)[number];

const CODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED', 'other'] as const;
const TYPES = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT', 'ANY', 'other'] as const;

/** How many answers of one kind were given. */
export interface AnswerCount {
  readonly type: (typeof TYPES)[number];
  readonly code: (typeof CODES)[number];
  readonly source: AnswerSource;
  readonly count: number;
}

/** All counters at one moment. */
export interface DnsStats extends Readonly<Record<DnsCounter, number>> {
  readonly sources: Readonly<Record<AnswerSource, number>>;
  /** Without those that are 0. */
  readonly answers: readonly AnswerCount[];
}

const SLOTS = Object.fromEntries(COUNTERS.map((counter, slot) => [counter, slot])) as Readonly<Record<DnsCounter, number>>;
const SOURCE_SLOTS = Object.fromEntries(ANSWER_SOURCES.map((source, slot) => [source, slot])) as Readonly<Record<AnswerSource, number>>;
const TYPE_ANY = 255;
/** By the number of the type. */
const TYPE_SLOTS: ReadonlyMap<number, number> = new Map(TYPES.flatMap((type, slot) => (type === 'other' ? [] : [[type === 'ANY' ? TYPE_ANY : typeCode(type), slot] as const])));
const OTHER_TYPE = TYPES.length - 1;
const OTHER_CODE = CODES.length - 1;
const SLOT_COUNT = COUNTERS.length + TYPES.length * CODES.length * ANSWER_SOURCES.length;

/** Counters in memory that two threads share: the one that answers counts, the other reads without asking it. */
export class DnsCounters {
  readonly #values: Float64Array;

  /** @param memory Of another instance to share with; fresh by default. */
  constructor(readonly memory = new SharedArrayBuffer(SLOT_COUNT * Float64Array.BYTES_PER_ELEMENT)) {
    this.#values = new Float64Array(memory);
  }

  add(counter: DnsCounter): void {
    this.#values[SLOTS[counter]]! += 1;
  }

  set(counter: DnsCounter, value: number): void {
    this.#values[SLOTS[counter]] = value;
  }

  /**
   * Counts an answer.
   *
   * @param type Number of the type asked for; 0 for a question that could not be read.
   * @param code The lower four bits of the response code.
   */
  addAnswer(type: number, code: number, source: AnswerSource): void {
    const typeSlot = TYPE_SLOTS.get(type) ?? OTHER_TYPE;
    this.#values[slotOf(typeSlot, Math.min(code, OTHER_CODE), SOURCE_SLOTS[source])]! += 1;
  }

  read(): DnsStats {
    const counters = Object.fromEntries(COUNTERS.map((counter) => [counter, this.#values[SLOTS[counter]]])) as Record<DnsCounter, number>;
    const answers = this.#readAnswers();
    const total = (source: AnswerSource): number => answers.reduce((sum, answer) => sum + (answer.source === source ? answer.count : 0), 0);
    const sources = Object.fromEntries(ANSWER_SOURCES.map((source) => [source, total(source)])) as Record<AnswerSource, number>;
    return { ...counters, sources, answers };
  }

  #readAnswers(): AnswerCount[] {
    const counts = TYPES.flatMap((type, t) =>
      CODES.flatMap((code, c) => ANSWER_SOURCES.map((source, s) => ({ type, code, source, count: this.#values[slotOf(t, c, s)]! }))),
    );
    return counts.filter(({ count }) => count > 0);
  }
}

function slotOf(type: number, code: number, source: number): number {
  return COUNTERS.length + (type * CODES.length + code) * ANSWER_SOURCES.length + source;
}
