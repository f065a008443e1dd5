import { labelsOf, parseDnsName, type DnsName } from './dns-name.js';
import type { RecordData, RecordType, ResourceRecord } from './dns-record.js';
import { DomainError } from './errors.js';
import { ADDABLE_TYPES, isAddableType, parseRecordData } from './record-data.js';

/** A record that somebody added by hand, as text. */
export interface AddedRecord {
  /** Of the record, unique in the zone. */
  readonly id: string;
  /** Complete, inside one of our zones; `*.` in front makes it a wildcard. */
  readonly name: string;
  /** One of `ADDABLE_TYPES`. */
  readonly type: string;
  readonly ttlSeconds: number;
  /** The data as a zone file has it. */
  readonly value: string;
  /** The network whose nodes alone see it; left out or empty for everybody. */
  readonly network?: string;
}

/** What the rules must know of the zone. */
export interface RecordContext {
  apexOf(name: DnsName): DnsName | undefined;
  /** The types that have records at exactly this name, those of the record itself left out. */
  typesAt(name: DnsName): ReadonlySet<RecordType>;
  /** The name whose MX, NS or SRV record leads to this one, that of the record itself left out; undefined when none does. */
  pointerTo(name: DnsName): DnsName | undefined;
  /** Who else may use this name at any moment; undefined when nobody does. */
  holderOf(name: DnsName): string | undefined;
}

/** Seconds. @see RFC 2181 §8 */
const MAX_TTL = 2 ** 31 - 1;

/**
 * Parses a record and checks every rule that the DNS has for it, in itself and beside what is already there.
 *
 * @throws DomainError `invalid_argument`, with the number of the rule.
 */
export function checkRecord(added: AddedRecord, zone: RecordContext): ResourceRecord {
  const record = parseRecord(added);
  const apex = zone.apexOf(record.name);
  if (apex === undefined) throw broken(added, 'a name inside the zone', 'RFC 1034 §4.2');
  checkName(added, record);
  checkPlace(added, record, apex);
  checkAliases(added, record, zone);
  return record;
}

/**
 * Parses a record without looking at what it stands beside.
 *
 * @throws DomainError `invalid_argument`.
 */
export function parseRecord(added: AddedRecord): ResourceRecord {
  if (!isAddableType(added.type)) throw broken(added, `one of the types ${ADDABLE_TYPES.join(', ')}`, 'RFC 1035 §3.2.2');
  const { ttlSeconds } = added;
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 0 || ttlSeconds > MAX_TTL) throw broken(added, `a TTL from 0 to ${MAX_TTL} seconds`, 'RFC 2181 §8');
  return { name: parseDnsName(added.name), ttlSeconds, data: parseRecordData(added.type, added.value) };
}

function checkName(added: AddedRecord, { name, data }: ResourceRecord): void {
  const labels = labelsOf(name);
  const [first, ...others] = labels;
  if (others.includes('*')) throw broken(added, '"*" as the first label only', 'RFC 4592 §2.1.1');
  const host = data.type === 'A' || data.type === 'AAAA' || data.type === 'MX';
  const wanted = host ? /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/ : /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/;
  for (const label of first === '*' ? others : labels) {
    if (!wanted.test(label)) throw broken(added, host ? 'a host name of letters, digits and inner hyphens' : 'labels of letters, digits, hyphens and underscores', 'RFC 1123 §2.1');
  }
  const service = first === '*' ? others : labels;
  if (data.type === 'SRV' && !(service[0]?.startsWith('_') === true && service[1]?.startsWith('_') === true)) {
    throw broken(added, 'an SRV name like _service._tcp.example', 'RFC 2782');
  }
}

function checkPlace(added: AddedRecord, { name, data }: ResourceRecord, apex: DnsName): void {
  if (data.type === 'CNAME' && name === apex) throw broken(added, 'no alias at the top of a zone, which has SOA and NS', 'RFC 1912 §2.4');
  if (data.type === 'NS' && name !== apex) throw broken(added, `NS records at ${apex} only, since nothing below it is delegated`, 'RFC 1034 §4.2.2');
}

function checkAliases(added: AddedRecord, { name, data }: ResourceRecord, zone: RecordContext): void {
  const present = zone.typesAt(name);
  if (data.type === 'CNAME' && present.size > 0) throw broken(added, `an alias alone at its name, which has ${[...present].join(', ')}`, 'RFC 1034 §3.6.2');
  const holder = data.type === 'CNAME' ? zone.holderOf(name) : undefined;
  if (holder !== undefined) throw broken(added, `an alias at a name that is not kept for ${holder}`, 'RFC 1034 §3.6.2');
  if (data.type !== 'CNAME' && present.has('CNAME')) throw broken(added, 'nothing beside the alias at this name', 'RFC 1034 §3.6.2');
  const pointer = data.type === 'CNAME' ? zone.pointerTo(name) : undefined;
  if (pointer !== undefined) throw broken(added, `an alias at a name to which no MX, NS or SRV record leads, as one of ${pointer} does`, 'RFC 2181 §10.3');
  const target = exchangeOf(data);
  if (target !== undefined && zone.typesAt(target).has('CNAME')) throw broken(added, `a target that is no alias, as ${target} is`, 'RFC 2181 §10.3');
  if (data.type === 'CNAME' && data.target === name) throw broken(added, 'an alias of another name', 'RFC 1034 §3.6.2');
}

/** The target that must have addresses of its own; undefined for a type without one. @see RFC 2181 §10.3 */
export function exchangeOf(data: RecordData): DnsName | undefined {
  return data.type === 'MX' || data.type === 'NS' || data.type === 'SRV' ? data.target : undefined;
}

function broken({ name, type }: AddedRecord, wanted: string, rule: string): DomainError {
  return new DomainError('invalid_argument', `record: want ${wanted} (${rule}), got ${JSON.stringify(`${name} ${type}`.slice(0, 100))}`);
}
