import { isWithin, labelsOf, parentOf, type DnsName } from '../../domain/dns-name.js';
import type { ResourceRecord } from '../../domain/dns-record.js';
import type { ZoneAnswer } from '../../domain/zone-lookup.js';
import { RCODES, typeCode } from './codes.js';
import { HEADER_OCTETS } from './query.js';
import { encodeRdata } from './rdata.js';
import { encodeName } from './wire-name.js';

const CLASS_IN = 1;

/**
 * An answer on the wire but for what differs from client to client: id, case of the question, OPT.
 *
 * `sections` follows the question. Names in it point at most into the question, so records can change places.
 */
export interface WireAnswer {
  readonly rcode: number;
  readonly sections: Buffer;
  readonly answerCount: number;
  readonly authorityCount: number;
  readonly additionalCount: number;
  /** Where the additional section begins in `sections`: what may be left out when space is short. @see RFC 2181 §9 */
  readonly additionalStart: number;
  /** Where each record of the answer's last set begins, and the end of the set: what takes turns at being first. */
  readonly turns: readonly number[];
}

/**
 * Encodes an answer to the question `name`.
 *
 * @param name The question's name; other names are compressed against it.
 */
export function encodeAnswer(name: DnsName, answer: ZoneAnswer): WireAnswer {
  const { answers, authority, additional } = answer;
  const owners = new OwnerNames(name);
  const parts = [...answers, ...authority, ...additional].map((record) => encodeRecord(record, owners));
  const starts = [0];
  for (const part of parts) starts.push(starts.at(-1)! + part.length);
  const last = answers.at(-1);
  const setStart = answers.findIndex((record) => record.name === last?.name && record.data.type === last.data.type);
  return {
    rcode: RCODES[answer.rcode],
    sections: Buffer.concat(parts),
    answerCount: answers.length,
    authorityCount: authority.length,
    additionalCount: additional.length,
    additionalStart: starts[answers.length + authority.length]!,
    turns: answers.length - setStart > 1 ? starts.slice(setStart, answers.length + 1) : [],
  };
}

function encodeRecord(record: ResourceRecord, owners: OwnerNames): Buffer {
  const fixed = Buffer.allocUnsafe(8);
  fixed.writeUInt16BE(typeCode(record.data.type), 0);
  fixed.writeUInt16BE(CLASS_IN, 2);
  fixed.writeUInt32BE(record.ttlSeconds, 4);
  return Buffer.concat([owners.encode(record.name), fixed, encodeRdata(record.data)]);
}

/** Writes names as pointers to the question as far as they share its end. @see RFC 1035 §4.1.4 */
class OwnerNames {
  readonly #offsets = new Map<DnsName, number>();

  constructor(question: DnsName) {
    let offset = HEADER_OCTETS;
    for (let name: DnsName | undefined = question; name !== undefined && name !== ''; name = parentOf(name)) {
      this.#offsets.set(name, offset);
      offset += encodeName(labelsOf(name)[0] as DnsName).length - 1;
    }
  }

  encode(name: DnsName): Buffer {
    const shared = this.#longestShared(name);
    if (shared === undefined) return encodeName(name);
    const own = name === shared ? '' : name.slice(0, name.length - shared.length - 1);
    const pointer = 0xc000 | this.#offsets.get(shared)!;
    return Buffer.concat([encodeName(own as DnsName).subarray(0, -1), Buffer.from([pointer >> 8, pointer & 0xff])]);
  }

  #longestShared(name: DnsName): DnsName | undefined {
    for (const known of this.#offsets.keys()) if (isWithin(name, known)) return known;
    return undefined;
  }
}
