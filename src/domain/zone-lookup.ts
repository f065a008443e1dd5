import type { DnsName } from './dns-name.js';
import type { RecordType, ResourceRecord } from './dns-record.js';
import type { NameTree } from './name-tree.js';

/** A type of record; `ANY` gets one set of records; any other text is a type that no name has. */
export type QuestionType = RecordType | 'ANY' | (string & {});

/** What a zone says to a question. */
export interface ZoneAnswer {
  readonly rcode: 'NOERROR' | 'NXDOMAIN';
  readonly answers: readonly ResourceRecord[];
  /** The SOA of the zone when there is no such name or no such type. @see RFC 2308 §3 */
  readonly authority: readonly ResourceRecord[];
  /** Addresses of the targets in `answers`. */
  readonly additional: readonly ResourceRecord[];
  /** What is not there, when something is not. */
  readonly denied?: Denial;
}

/** A name that does not exist, or has no record of the type asked for. */
export interface Denial {
  readonly name: DnsName;
  readonly apex: DnsName;
  /** The types that the name does have; undefined when it does not exist. */
  readonly types: readonly RecordType[] | undefined;
}

/** The zone as the lookup reads it. */
export interface ZoneData {
  readonly tree: NameTree;
  /** The apex of the zone that a name belongs to; undefined for a name that is not ours. */
  apexOf(name: DnsName): DnsName | undefined;
  soaOf(apex: DnsName): ResourceRecord;
}

/** How many aliases are followed: more is a loop or a mistake. */
const MAX_ALIASES = 8;

/**
 * Answers a question from a zone: the records, the wildcard's, the alias and what it leads to, or what is not there.
 *
 * @returns undefined for a name outside of the zone.
 * @see RFC 1034 §4.3.2 for the algorithm, RFC 4592 for wildcards, RFC 8482 §4.1 for ANY, RFC 6604 §3 for the code after an alias
 */
export function answerFrom(zone: ZoneData, name: DnsName, type: QuestionType): ZoneAnswer | undefined {
  const answers: ResourceRecord[] = [];
  let at = name;
  for (let aliases = 0; ; aliases++) {
    const apex = zone.apexOf(at);
    if (apex === undefined) return aliases === 0 ? undefined : { rcode: 'NOERROR', answers, authority: [], additional: [] };
    const source = zone.tree.source(at);
    const found = source === undefined ? [] : recordsAt(zone, source, apex, type);
    for (const record of found) answers.push(source === at ? record : { ...record, name: at });
    const alias = found[0]?.data;
    if (alias?.type !== 'CNAME' || type === 'CNAME' || type === 'ANY' || aliases === MAX_ALIASES) {
      const rcode = source === undefined ? 'NXDOMAIN' : 'NOERROR';
      if (found.length > 0) return { rcode, answers, authority: [], additional: additionalFor(zone, found) };
      const denied = { name: at, apex, types: source === undefined ? undefined : typesAt(zone, source, apex) };
      return { rcode, answers, authority: [negativeSoa(zone.soaOf(apex))], additional: [], denied };
    }
    at = alias.target;
  }
}

function recordsAt(zone: ZoneData, source: DnsName, apex: DnsName, type: QuestionType): ResourceRecord[] {
  if (type === 'SOA' && source === apex) return [zone.soaOf(apex)];
  const wanted = type === 'ANY' ? [...zone.tree.types(source)][0] : (type as RecordType);
  if (wanted === undefined) return [];
  const records = zone.tree.records(source, wanted);
  return records.length > 0 ? records : zone.tree.records(source, 'CNAME');
}

function typesAt(zone: ZoneData, source: DnsName, apex: DnsName): RecordType[] {
  const types = [...zone.tree.types(source)];
  return source === apex ? [...types, 'SOA'] : types;
}

function negativeSoa(soa: ResourceRecord): ResourceRecord {
  return soa.data.type === 'SOA' ? { ...soa, ttlSeconds: Math.min(soa.ttlSeconds, soa.data.negativeSeconds) } : soa;
}

function additionalFor(zone: ZoneData, found: readonly ResourceRecord[]): ResourceRecord[] {
  const targets = new Set(found.flatMap(({ data }) => (data.type === 'SRV' || data.type === 'MX' || data.type === 'NS' ? [data.target] : [])));
  return [...targets].flatMap((target) => [...zone.tree.records(target, 'A'), ...zone.tree.records(target, 'AAAA')]);
}
