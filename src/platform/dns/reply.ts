import { RCODES, type Rcode } from './codes.js';
import { HEADER_OCTETS, type Edns, type Query } from './query.js';
import type { WireAnswer } from './wire-answer.js';

/** The largest UDP message without EDNS. @see RFC 1035 §4.2.1 */
const PLAIN_UDP_OCTETS = 512;

/** The largest UDP message that we send or invite: no path fragments it. @see RFC 9715 §3 */
const MAX_UDP_OCTETS = 1232;

/** The largest message at all: its length has two octets over TCP. @see RFC 1035 §4.2.2 */
const MAX_OCTETS = 65_535;

/** Octets of an OPT record without options. */
export const OPT_OCTETS = 11;
const AUTHORITATIVE = 0x04;
const TRUNCATED = 0x02;
const RECURSION_DESIRED = 0x01;
const RECURSION_AVAILABLE = 0x80;
const CHECKING_DISABLED = 0x10;

/** How a message came. */
export type Transport = 'udp' | 'tcp';

/** How many octets the answer to a query may have. @see RFC 6891 §6.2.5 */
export function answerLimit(edns: Edns | undefined, transport: Transport): number {
  if (transport === 'tcp') return MAX_OCTETS;
  return edns === undefined ? PLAIN_UDP_OCTETS : Math.min(MAX_UDP_OCTETS, Math.max(PLAIN_UDP_OCTETS, edns.udpOctets));
}

/**
 * Puts together the answer to one query: its own id and its own spelling of the name around the shared sections.
 *
 * @param recursion Whether this client may have other names looked up.
 * @param turn      Which record of the last set comes first.
 */
export function composeAnswer(query: Query, answer: WireAnswer, transport: Transport, recursion: boolean, turn: number): Buffer {
  const space = answerLimit(query.edns, transport) - query.questionEnd - (query.edns === undefined ? 0 : OPT_OCTETS);
  const whole = answer.sections.length <= space;
  const length = whole ? answer.sections.length : answer.additionalStart <= space ? answer.additionalStart : 0;
  const truncated = answer.additionalStart > space;
  const reply = start(query.message, query.questionEnd, length, query.edns);
  reply[2]! |= AUTHORITATIVE | (truncated ? TRUNCATED : 0);
  reply[3]! |= (recursion ? RECURSION_AVAILABLE : 0) | answer.rcode;
  answer.sections.copy(reply, query.questionEnd, 0, length);
  if (!truncated) {
    takeTurns(reply, query.questionEnd, answer, turn);
    reply.writeUInt16BE(answer.answerCount, 6);
    reply.writeUInt16BE(answer.authorityCount, 8);
    reply.writeUInt16BE(whole ? answer.additionalCount : 0, 10);
  }
  return finish(reply, query.edns, 0);
}

/** The answer that is only a code. */
export function composeRefusal(
  query: { readonly message: Buffer; readonly questionEnd: number; readonly edns: Edns | undefined },
  rcode: Rcode,
  recursion = false,
): Buffer {
  const reply = start(query.message, query.questionEnd, 0, query.edns);
  reply[3]! |= (recursion ? RECURSION_AVAILABLE : 0) | (RCODES[rcode] & 0x0f);
  return finish(reply, query.edns, RCODES[rcode] >> 4);
}

function start(message: Buffer, questionEnd: number, sections: number, edns: Edns | undefined): Buffer {
  const reply = Buffer.allocUnsafe(questionEnd + sections + (edns === undefined ? 0 : OPT_OCTETS));
  message.copy(reply, 0, 0, questionEnd);
  reply[2] = 0x80 | (message[2]! & (0x78 | RECURSION_DESIRED));
  reply[3] = message[3]! & CHECKING_DISABLED;
  reply.writeUInt16BE(questionEnd > HEADER_OCTETS ? 1 : 0, 4);
  reply.fill(0, 6, HEADER_OCTETS);
  return reply;
}

function takeTurns(reply: Buffer, base: number, { sections, turns }: WireAnswer, turn: number): void {
  if (turns.length === 0) return;
  const first = turns[0]!;
  const end = turns.at(-1)!;
  const middle = turns[turn % (turns.length - 1)]!;
  sections.copy(reply, base + first, middle, end);
  sections.copy(reply, base + first + end - middle, first, middle);
}

/** Adds the OPT record of the answer, which only a query with one gets. @see RFC 6891 §7 */
function finish(reply: Buffer, edns: Edns | undefined, upperRcode: number): Buffer {
  if (edns === undefined) return reply;
  composeOpt(edns, upperRcode).copy(reply, reply.length - OPT_OCTETS);
  reply.writeUInt16BE(reply.readUInt16BE(10) + 1, 10);
  return reply;
}

/** Our OPT record for a client with these wishes; empty for one without. @see RFC 6891 §6.1.2 */
export function composeOpt(edns: Edns | undefined, upperRcode = 0): Buffer {
  if (edns === undefined) return Buffer.alloc(0);
  return Buffer.from([0, 0, 41, MAX_UDP_OCTETS >> 8, MAX_UDP_OCTETS & 0xff, upperRcode, 0, edns.dnssecOk ? 0x80 : 0, 0, 0, 0]);
}
