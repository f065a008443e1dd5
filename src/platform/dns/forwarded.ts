import { HEADER_OCTETS, type Query } from './query.js';
import { answerLimit, MAX_UDP_OCTETS, type Transport } from './reply.js';
import { skipName } from './wire-name.js';

const TYPE_OPT = 41;

/**
 * The query that goes to another name server: the client's question and wishes under an id of our own.
 *
 * @param id Unpredictable, 0 to 65535. @see RFC 5452 §9.2
 */
export function encodeForwardedQuery(query: Query, id: number): Buffer {
  const { message, questionEnd, edns } = query;
  const opt = [0, 0, TYPE_OPT, MAX_UDP_OCTETS >> 8, MAX_UDP_OCTETS & 0xff, 0, 0, edns?.dnssecOk === true ? 0x80 : 0, 0, 0, 0];
  const header = Buffer.from([id >> 8, id & 0xff, 0x01, message[3]! & 0x30, 0, 1, 0, 0, 0, 0, 0, 1]);
  return Buffer.concat([header, message.subarray(HEADER_OCTETS, questionEnd), Buffer.from(opt)]);
}

/** Whether `answer` answers `asked`: same id, same question to the letter. @see RFC 5452 §9.1 */
export function isAnswerTo(asked: Buffer, answer: Buffer, questionEnd: number): boolean {
  return (
    answer.length >= questionEnd &&
    (answer[2]! & 0x80) !== 0 &&
    answer.readUInt16BE(4) === 1 &&
    answer.readUInt16BE(0) === asked.readUInt16BE(0) &&
    answer.subarray(HEADER_OCTETS, questionEnd).equals(asked.subarray(HEADER_OCTETS, questionEnd))
  );
}

/** Whether the answer was cut and should be asked for over TCP. */
export function isTruncated(answer: Buffer): boolean {
  return (answer[2]! & 0x02) !== 0;
}

/** The lower four bits of the response code. */
export function rcodeOf(answer: Buffer): number {
  return answer[3]! & 0x0f;
}

/**
 * The other name server's answer as the client gets it: its id, its transport's limit, and an OPT record only if it sent
 * one. The other's own OPT, and what follows it, stays behind: it concerns the hop behind us.
 *
 * @returns undefined for an answer that cannot be read to its end.
 * @see RFC 6891 §6.1.1
 */
export function relayAnswer(query: Query, answer: Buffer, transport: Transport): Buffer | undefined {
  const sections = sectionsOf(answer, query.questionEnd);
  if (sections === undefined) return undefined;
  const fits = sections.end + (query.edns === undefined ? 0 : 11) <= answerLimit(query.edns, transport);
  const body = answer.subarray(0, fits ? sections.end : query.questionEnd);
  const opt = query.edns === undefined ? [] : [0, 0, TYPE_OPT, MAX_UDP_OCTETS >> 8, MAX_UDP_OCTETS & 0xff, 0, 0, query.edns.dnssecOk ? 0x80 : 0, 0, 0, 0];
  const reply = Buffer.concat([body, Buffer.from(opt)]);
  query.message.copy(reply, 0, 0, 2);
  reply[2] = 0x80 | (query.message[2]! & 0x01) | (fits ? 0 : 0x02);
  reply[3] = 0x80 | (answer[3]! & 0x2f) | (query.message[3]! & 0x10);
  if (!fits) reply.fill(0, 6, HEADER_OCTETS);
  reply.writeUInt16BE((fits ? sections.additional : 0) + (query.edns === undefined ? 0 : 1), 10);
  return reply;
}

function sectionsOf(answer: Buffer, questionEnd: number): { end: number; additional: number } | undefined {
  const before = answer.readUInt16BE(6) + answer.readUInt16BE(8);
  const all = before + answer.readUInt16BE(10);
  let at = questionEnd;
  for (let record = 0; record < all; record++) {
    const fixed = skipName(answer, at);
    if (fixed === undefined || fixed + 10 > answer.length) return undefined;
    if (answer.readUInt16BE(fixed) === TYPE_OPT) return record < before ? undefined : { end: at, additional: record - before };
    at = fixed + 10 + answer.readUInt16BE(fixed + 8);
    if (at > answer.length) return undefined;
  }
  return { end: at, additional: all - before };
}
