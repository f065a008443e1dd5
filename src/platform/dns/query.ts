import type { DnsName } from '../../domain/dns-name.js';
import type { Rcode } from './codes.js';
import { readPlainName, skipName, skipPlainName } from './wire-name.js';

/** Octets of a message's header. @see RFC 1035 §4.1.1 */
export const HEADER_OCTETS = 12;

/** What a client says of itself beyond the header. @see RFC 6891 §6.1 */
export interface Edns {
  readonly version: number;
  /** The largest UDP answer that it takes. */
  readonly udpOctets: number;
  readonly dnssecOk: boolean;
  /** It knows a denial by its NSEC record whatever the code says. @see RFC 9824 §5.1 */
  readonly compactOk: boolean;
}

/** A query that can be answered. */
export interface Query {
  readonly message: Buffer;
  readonly type: number;
  readonly class: number;
  /** Where the question ends. It begins after the header. */
  readonly questionEnd: number;
  readonly edns: Edns | undefined;
}

/** What came instead: nothing to answer, or a mistake and the code to answer it with. */
export type Malformed =
  | { readonly refusal: undefined }
  | {
      readonly refusal: Rcode;
      /** Where a readable question ends; {@link HEADER_OCTETS} when there is none to repeat. */
      readonly questionEnd: number;
      readonly edns: Edns | undefined;
    };

const TYPE_OPT = 41;
const SILENCE: Malformed = { refusal: undefined };

/**
 * Reads a query and checks all of it, down to the last octet.
 *
 * What is too short to answer, or is itself an answer, gets silence: to answer it would let two servers talk to each
 * other for ever.
 *
 * @see RFC 1035 §4.1, RFC 6891 §6.1, RFC 9619 for the one question
 */
export function readQuery(bytes: Uint8Array): Query | Malformed {
  const message = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (message.length < HEADER_OCTETS || (message[2]! & 0x80) !== 0) return SILENCE;
  if ((message[2]! & 0x78) !== 0) return refuse('NOTIMP');
  if (message.readUInt16BE(4) !== 1) return refuse('FORMERR');
  const nameEnd = skipPlainName(message, HEADER_OCTETS);
  if (nameEnd === undefined || nameEnd + 4 > message.length) return refuse('FORMERR');
  const questionEnd = nameEnd + 4;
  // A query has no answers, and only transfers, which we refuse, have authorities.
  const rest = message.readUInt32BE(6) === 0 ? readAdditional(message, questionEnd) : 'malformed';
  if (rest === 'malformed') return refuse('FORMERR', questionEnd);
  if (rest.edns !== undefined && rest.edns.version !== 0) return refuse('BADVERS', questionEnd, rest.edns);
  return { message, type: message.readUInt16BE(nameEnd), class: message.readUInt16BE(nameEnd + 2), questionEnd, edns: rest.edns };
}

/** The name that a query asks for. Not read with the rest: most answers are found by the question's octets. */
export function questionName(query: Query): DnsName {
  return readPlainName(query.message, HEADER_OCTETS);
}

/** The question's octets in lower case: equal for equal questions. Type and class, the last four octets, have no case. */
export function questionKey(query: Query): string {
  const octets = questionOctets(query);
  return octets.slice(0, -4).replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) + octets.slice(-4);
}

/** The question's octets as sent, one character each. */
export function questionOctets(query: Query): string {
  return query.message.toString('latin1', HEADER_OCTETS, query.questionEnd);
}

function refuse(refusal: Rcode, questionEnd = HEADER_OCTETS, edns?: Edns): Malformed {
  return { refusal, questionEnd, edns };
}

/** Steps over every additional record and takes the one OPT that there may be; its name must be the root. @see RFC 6891 §6.1.1 */
function readAdditional(message: Buffer, offset: number): { edns: Edns | undefined } | 'malformed' {
  let edns: Edns | undefined;
  let at = offset;
  for (let left = message.readUInt16BE(10); left > 0; left--) {
    const fixed = skipName(message, at);
    if (fixed === undefined || fixed + 10 > message.length) return 'malformed';
    const end = fixed + 10 + message.readUInt16BE(fixed + 8);
    if (end > message.length) return 'malformed';
    if (message.readUInt16BE(fixed) === TYPE_OPT) {
      if (edns !== undefined || fixed !== at + 1 || !optionsFit(message, fixed + 10, end)) return 'malformed';
      edns = { version: message[fixed + 5]!, udpOctets: message.readUInt16BE(fixed + 2), dnssecOk: (message[fixed + 6]! & 0x80) !== 0, compactOk: (message[fixed + 6]! & 0x40) !== 0 };
    }
    at = end;
  }
  return at === message.length ? { edns } : 'malformed';
}

function optionsFit(message: Buffer, offset: number, end: number): boolean {
  let at = offset;
  while (at + 4 <= end) at += 4 + message.readUInt16BE(at + 2);
  return at === end;
}
