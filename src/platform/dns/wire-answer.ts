import { isWithin, labelOctets, labelsOf, parentOf, type DnsName } from '../../domain/dns-name.js';
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

/** A record whose data is encoded. */
export interface WireRecord {
  readonly name: DnsName;
  readonly type: number;
  readonly ttlSeconds: number;
  /** Its length in two octets first. */
  readonly rdata: Buffer;
}

/** An answer whose records are encoded one by one. */
export interface WireSections {
  readonly rcode: number;
  readonly answers: readonly WireRecord[];
  readonly authority: readonly WireRecord[];
  readonly additional: readonly WireRecord[];
}

/** Encodes the data of every record of an answer. */
export function encodeSections(answer: ZoneAnswer): WireSections {
  return {
    rcode: RCODES[answer.rcode],
    answers: answer.answers.map(wireRecord),
    authority: answer.authority.map(wireRecord),
    additional: answer.additional.map(wireRecord),
  };
}

function wireRecord({ name, ttlSeconds, data }: ResourceRecord): WireRecord {
  return { name, type: typeCode(data.type), ttlSeconds, rdata: encodeRdata(data) };
}

/**
 * Joins the records of an answer to the question `name`.
 *
 * @param name The question's name; other names are compressed against it.
 */
export function joinSections(name: DnsName, { rcode, answers, authority, additional }: WireSections): WireAnswer {
  const owners = new OwnerNames(name);
  const parts = [...answers, ...authority, ...additional].map((record) => encodeRecord(record, owners));
  const starts = [0];
  for (const part of parts) starts.push(starts.at(-1)! + part.length);
  const last = answers.at(-1);
  const setStart = answers.findIndex((record) => record.name === last?.name && record.type === last.type);
  return {
    rcode,
    sections: Buffer.concat(parts),
    answerCount: answers.length,
    authorityCount: authority.length,
    additionalCount: additional.length,
    additionalStart: starts[answers.length + authority.length]!,
    turns: answers.length - setStart > 1 ? starts.slice(setStart, answers.length + 1) : [],
  };
}

function encodeRecord({ name, type, ttlSeconds, rdata }: WireRecord, owners: OwnerNames): Buffer {
  const owner = owners.encode(name);
  const record = Buffer.allocUnsafe(owner.length + 8 + rdata.length);
  record.set(owner);
  record.writeUInt16BE(type, owner.length);
  record.writeUInt16BE(CLASS_IN, owner.length + 2);
  record.writeUInt32BE(ttlSeconds, owner.length + 4);
  record.set(rdata, owner.length + 8);
  return record;
}

/** The pointer to the question's own name. @see RFC 1035 §4.1.4 */
export const TO_QUESTION = Buffer.from([0xc0, HEADER_OCTETS]);

/** Writes names as pointers to the question as far as they share its end. @see RFC 1035 §4.1.4 */
class OwnerNames {
  readonly #question: DnsName;
  #known: ReadonlyMap<DnsName, number> | undefined;

  constructor(question: DnsName) {
    this.#question = question;
  }

  encode(name: DnsName): Buffer {
    // Nearly every record is of the name that was asked for.
    if (name === this.#question && name !== '') return TO_QUESTION;
    this.#known ??= offsetsOf(this.#question);
    for (const [shared, offset] of this.#known) {
      if (!isWithin(name, shared)) continue;
      const own = name === shared ? '' : name.slice(0, name.length - shared.length - 1);
      return Buffer.concat([encodeName(own as DnsName).subarray(0, -1), Buffer.from([0xc0 | (offset >> 8), offset & 0xff])]);
    }
    return encodeName(name);
  }
}

/** Where the question's name and each name above it but the root begin, the longest first. */
function offsetsOf(question: DnsName): Map<DnsName, number> {
  const offsets = new Map<DnsName, number>();
  let offset = HEADER_OCTETS;
  for (let name: DnsName | undefined = question; name !== undefined && name !== ''; name = parentOf(name)) {
    offsets.set(name, offset);
    offset += 1 + labelOctets(labelsOf(name)[0]!).length;
  }
  return offsets;
}
