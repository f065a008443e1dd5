import { RCODES } from './codes.js';
import { HEADER_OCTETS, type Query } from './query.js';
import { answerLimit, composeOpt, OPT_OCTETS, type Transport } from './reply.js';
import { skipName } from './wire-name.js';

const TYPE_SOA = 6;
const TYPE_OPT = 41;
/** Longest times to keep what is there and what is not. @see RFC 2308 §5, RFC 8767 §4 */
const MAX_KEEP_SECONDS = 86_400;
const MAX_NEGATIVE_SECONDS = 3600;

/** Another name server's answer, read to its end. */
export interface ForeignAnswer {
  readonly message: Buffer;
  readonly questionEnd: number;
  /** Where our part ends: its OPT record, and what follows it, concern only the hop behind us. @see RFC 6891 §6.1.1 */
  readonly end: number;
  readonly additionalCount: number;
  /** Where the TTLs stand. */
  readonly ttls: readonly number[];
  /** How long it may be kept; 0 for not at all. */
  readonly keepSeconds: number;
}

/** @returns undefined for an answer that cannot be read to its end. */
export function readForeignAnswer(message: Buffer, questionEnd: number): ForeignAnswer | undefined {
  const answers = message.readUInt16BE(6);
  const before = answers + message.readUInt16BE(8);
  const all = before + message.readUInt16BE(10);
  const ttls: number[] = [];
  let keepSeconds = answers === 0 ? 0 : MAX_KEEP_SECONDS;
  let at = questionEnd;
  for (let record = 0; record < all; record++) {
    const fixed = skipName(message, at);
    if (fixed === undefined || fixed + 10 > message.length) return undefined;
    const end = fixed + 10 + message.readUInt16BE(fixed + 8);
    if (end > message.length) return undefined;
    const type = message.readUInt16BE(fixed);
    if (type === TYPE_OPT) return record < before ? undefined : { message, questionEnd, end: at, additionalCount: record - before, ttls, keepSeconds };
    ttls.push(fixed + 4);
    if (record < answers) keepSeconds = Math.min(keepSeconds, ttlAt(message, fixed + 4));
    else if (record < before && type === TYPE_SOA) keepSeconds = negativeKeep(message, fixed, end, answers === 0 ? MAX_NEGATIVE_SECONDS : keepSeconds);
    at = end;
  }
  return { message, questionEnd, end: at, additionalCount: all - before, ttls, keepSeconds };
}

/** The SOA beside a denial says how long that holds. @see RFC 2308 §5 */
function negativeKeep(message: Buffer, fixed: number, end: number, atMost: number): number {
  return Math.min(atMost, ttlAt(message, fixed + 4), end - fixed < 30 ? 0 : ttlAt(message, end - 4));
}

/** A TTL with its highest bit set counts as 0. @see RFC 2181 §8 */
export function ttlAt(message: Buffer, offset: number): number {
  const ttl = message.readUInt32BE(offset);
  return ttl > 0x7fffffff ? 0 : ttl;
}

/** Whether it tells something: a name or that there is none. Everything else is the server's own trouble. */
export function isUsable(answer: Buffer): boolean {
  const rcode = answer[3]! & 0x0f;
  return rcode === RCODES.NOERROR || rcode === RCODES.NXDOMAIN;
}

/**
 * The answer as one client gets it: its id, its spelling, its transport's limit, and an OPT record only if it sent one.
 *
 * @param ttl What becomes of each TTL, for an answer that was kept.
 */
export function relayAnswer(query: Query, answer: ForeignAnswer, transport: Transport, ttl: (seconds: number) => number = (seconds) => seconds): Buffer {
  const { message, end } = answer;
  const fits = end + (query.edns === undefined ? 0 : OPT_OCTETS) <= answerLimit(query.edns, transport);
  const reply = Buffer.concat([message.subarray(0, fits ? end : query.questionEnd), composeOpt(query.edns)]);
  query.message.copy(reply, HEADER_OCTETS, HEADER_OCTETS, query.questionEnd);
  query.message.copy(reply, 0, 0, 2);
  reply[2] = 0x80 | (query.message[2]! & 0x01) | (fits ? 0 : 0x02);
  reply[3] = 0x80 | (message[3]! & 0x2f) | (query.message[3]! & 0x10);
  if (fits) for (const at of answer.ttls) reply.writeUInt32BE(ttl(ttlAt(message, at)), at);
  else reply.fill(0, 6, HEADER_OCTETS);
  reply.writeUInt16BE((fits ? answer.additionalCount : 0) + (query.edns === undefined ? 0 : 1), 10);
  return reply;
}
