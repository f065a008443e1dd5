import { labelsOf, type DnsName } from '../../../domain/dns-name.js';
import type { Denial } from '../../../domain/zone-lookup.js';
import type { Clock } from '../../clock.js';
import { RCODES } from '../codes.js';
import { encodeName } from '../wire-name.js';
import type { WireRecord, WireSections } from '../wire-answer.js';
import { nsecRecord } from './nsec.js';
import type { SigningKey } from './signing-key.js';

const TYPE_RRSIG = 46;
/** The type of the records that hold a zone's keys. */
export const TYPE_DNSKEY = 48;
const DNSKEY_TTL_SECONDS = 3600;

/** Signatures are made for whole days, so that all of one day are equal: from a day before, for clocks that are behind, to four days on. */
const DAY_SECONDS = 86_400;
const DAYS_BEFORE = 1;
const DAYS_AFTER = 4;

/** Signatures kept; past it all are forgotten, which costs each one signature. */
const MAX_SIGNATURES = 32_768;

/** Signs answers while they are given. @see RFC 4035 §3, RFC 9824 for what is not there */
export class Signer {
  readonly #keys: readonly SigningKey[];
  readonly #clock: Clock;
  readonly #signatures = new Map<string, WireRecord[]>();
  #day = 0;

  /** @param keys Of all our zones; each of them signs every set. */
  constructor(keys: readonly SigningKey[], clock: Clock) {
    this.#keys = keys;
    this.#clock = clock;
  }

  /** Changes when every signature is made anew. */
  get day(): number {
    return Math.floor(this.#clock.now() / 1000 / DAY_SECONDS);
  }

  /** The keys as records of `apex`. */
  dnskeys(apex: DnsName): WireRecord[] {
    return this.#keys.map(({ dnskey }) => ({ name: apex, type: TYPE_DNSKEY, ttlSeconds: DNSKEY_TTL_SECONDS, rdata: withLength(dnskey) }));
  }

  /**
   * Adds the signature of every set in the answer and the authority, and the denial of what is not there.
   *
   * @param apexOf The zone of a name; undefined for names that are not ours, which stay unsigned.
   * @param compactOk Whether the client takes NXDOMAIN beside such a denial. @see RFC 9824 §5.1
   */
  sign(sections: WireSections, denied: Denial | undefined, apexOf: (name: DnsName) => DnsName | undefined, compactOk: boolean): WireSections {
    const denials = denied === undefined ? [] : [nsecRecord(denied, sections.authority[0]?.ttlSeconds ?? 0)];
    return {
      rcode: compactOk ? sections.rcode : RCODES.NOERROR,
      answers: this.#withSignatures(sections.answers, apexOf),
      authority: this.#withSignatures([...sections.authority, ...denials], apexOf),
      additional: sections.additional,
    };
  }

  #withSignatures(records: readonly WireRecord[], apexOf: (name: DnsName) => DnsName | undefined): WireRecord[] {
    return setsOf(records).flatMap((set) => {
      const apex = apexOf(set[0]!.name);
      return apex === undefined ? set : [...set, ...this.#signaturesOf(set, apex)];
    });
  }

  #signaturesOf(set: readonly WireRecord[], apex: DnsName): WireRecord[] {
    if (this.#day !== this.day || this.#signatures.size >= MAX_SIGNATURES) this.#signatures.clear();
    this.#day = this.day;
    const octets = canonicalOctets(set);
    const key = `${apex}/${octets.toString('latin1')}`;
    const known = this.#signatures.get(key);
    if (known !== undefined) return known;
    const made = this.#keys.map((signingKey) => this.#signatureOf(set[0]!, octets, apex, signingKey));
    this.#signatures.set(key, made);
    return made;
  }

  /** @see RFC 4034 §3.1 */
  #signatureOf({ name, type, ttlSeconds }: WireRecord, octets: Buffer, apex: DnsName, key: SigningKey): WireRecord {
    const fixed = Buffer.alloc(18);
    fixed.writeUInt16BE(type, 0);
    fixed[2] = key.algorithm;
    const labels = labelsOf(name);
    fixed[3] = labels.length - (labels[0] === '*' ? 1 : 0);
    fixed.writeUInt32BE(ttlSeconds, 4);
    fixed.writeUInt32BE((this.#day + DAYS_AFTER) * DAY_SECONDS, 8);
    fixed.writeUInt32BE((this.#day - DAYS_BEFORE) * DAY_SECONDS, 12);
    fixed.writeUInt16BE(key.tag, 16);
    const signed = Buffer.concat([fixed, encodeName(apex)]);
    return { name, type: TYPE_RRSIG, ttlSeconds, rdata: withLength(Buffer.concat([signed, key.sign(Buffer.concat([signed, octets]))])) };
  }
}

/** The records of a section by name and type; equal ones stand together in every answer of ours. */
function setsOf(records: readonly WireRecord[]): WireRecord[][] {
  const sets: WireRecord[][] = [];
  for (const record of records) {
    const last = sets.at(-1);
    if (last !== undefined && last[0]!.name === record.name && last[0]!.type === record.type) last.push(record);
    else sets.push([record]);
  }
  return sets;
}

/** A set as it is signed: records ordered by their data, names in full and lower case. @see RFC 4034 §6.2, §6.3 */
function canonicalOctets(set: readonly WireRecord[]): Buffer {
  const { name, type, ttlSeconds } = set[0]!;
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16BE(type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(ttlSeconds, 4);
  const owner = encodeName(name);
  const sorted = set.map(({ rdata }) => rdata).toSorted((a, b) => Buffer.compare(a.subarray(2), b.subarray(2)));
  return Buffer.concat(sorted.flatMap((rdata) => [owner, fixed, rdata]));
}

function withLength(data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([data.length >> 8, data.length & 0xff]), data]);
}
