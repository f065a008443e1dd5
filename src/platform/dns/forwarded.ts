import { HEADER_OCTETS, type Query } from './query.js';
import { composeOpt } from './reply.js';

/**
 * The query that goes to another name server: the client's question and wishes under an id of our own.
 *
 * @param id Unpredictable, 0 to 65535. @see RFC 5452 §9.2
 */
export function encodeForwardedQuery(query: Query, id: number): Buffer {
  const { message, questionEnd } = query;
  const edns = { version: 0, udpOctets: 0, dnssecOk: query.edns?.dnssecOk === true, compactOk: false };
  const header = Buffer.from([id >> 8, id & 0xff, 0x01, message[3]! & 0x30, 0, 1, 0, 0, 0, 0, 0, 1]);
  return Buffer.concat([header, message.subarray(HEADER_OCTETS, questionEnd), composeOpt(edns)]);
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
