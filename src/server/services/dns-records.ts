import { createHash, randomBytes } from 'node:crypto';
import { parentOf, parseDnsName, type DnsName } from '../../domain/dns-name.js';
import { dataKey, type RecordType } from '../../domain/dns-record.js';
import { checkRecord, exchangeOf, parseRecord, type AddedRecord, type RecordContext } from '../../domain/dns-records.js';
import { DomainError } from '../../domain/errors.js';
import { holderOf } from '../../domain/held-names.js';
import { reverseZones } from '../../domain/reverse-zone.js';
import { AddedDnsRecord, DnsNameRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { actorOf, type Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Committed, Decision, DnsRecordRow, LocalView, Page, Repository } from '../store/local-view.js';
import type { Compare, Operation } from '../store/store.js';
import { networkOf } from './address-pools.js';
import { auditOperation } from './audit.js';

const DEFAULT_TTL_SECONDS = 300;
/** Records at one name, so that every answer fits a message. */
const PER_NAME = 64;

/** What an admin wants added. */
export interface WantedRecord {
  readonly name: string;
  readonly type: string;
  readonly value: string;
  /** 0 for 300. */
  readonly ttlSeconds: number;
  /** Empty for everybody. */
  readonly network: string;
}

/** What {@link DnsRecords} works with. */
interface Deps {
  readonly repository: Repository;
  readonly clock: Clock;
  /** The forward zone, `nc.internal`. */
  readonly zone: string;
}

/** Where records stand that no admin added: they are changed there. */
export type RecordSource = 'server.yml' | 'records file';

const SOURCES: readonly string[] = ['server.yml', 'records file'] satisfies RecordSource[];
/** Names that are written in one transaction; with 64 records each they are below its 1 MiB. */
const BATCH = 20;

/** DNS records: those that admins add while the server runs, and those of its files. */
export class DnsRecords {
  readonly #repository: Repository;
  readonly #clock: Clock;
  readonly #zone: DnsName;

  constructor({ repository, clock, zone }: Deps) {
    this.#repository = repository;
    this.#clock = clock;
    this.#zone = parseDnsName(zone, 'zone');
  }

  /**
   * Adds a record; the same data at the same name again changes its TTL only.
   *
   * @throws DomainError `invalid_argument` with the number of the rule that it breaks; `network_unknown`.
   */
  async add(wanted: WantedRecord, caller: Caller): Promise<Committed<DnsRecordRow>> {
    return this.#repository.update((view) => {
      const now = this.#clock.now();
      const network = wanted.network === '' ? '' : networkOf(view, wanted.network).name;
      const name = parseDnsName(wanted.name, 'record.name');
      const present = view.dnsName(name);
      const records = present?.value.records ?? [];
      const added = { ...wanted, id: randomBytes(6).toString('hex'), name, type: wanted.type.toUpperCase(), ttlSeconds: wanted.ttlSeconds || DEFAULT_TTL_SECONDS, network };
      const same = records.find((record) => isSame(record, added));
      if (same !== undefined) requireChangeable(name, same);
      const { data } = checkRecord({ ...added, id: same?.id ?? added.id }, this.#context(view, network, ({ id }) => id === same?.id));
      if (same === undefined && records.length >= PER_NAME) throw new DomainError('invalid_argument', `record: want at most ${PER_NAME} records at ${name}; remove one first`);
      const record = AddedDnsRecord.fromPartial({ ...added, createdAtMs: now, createdBy: actorOf(caller), ...(same && { id: same.id, createdAtMs: same.createdAtMs, createdBy: same.createdBy }) });
      const next = { name, records: [...records.filter(({ id }) => id !== record.id), record] };
      const target = exchangeOf(data);
      const led = target === undefined || target === name ? undefined : target;
      return {
        if: [this.#unchanged(view, name), ...(led === undefined ? [] : [this.#unchanged(view, led)])],
        // What it leads to is written too, unchanged: so somebody who makes that an alias at the same moment decides again.
        then: [put(next), ...(led === undefined ? [] : [put(view.dnsName(led)?.value ?? { name: led, records: [] })]), this.#audit(caller, 'AddRecord', `${name} ${record.type}`, network, now)],
        result: { name, ...record },
      };
    });
  }

  /**
   * Takes away the record with this id, or all of a name that fit.
   *
   * @param filter Counts for a name only.
   * @throws DomainError `record_unknown`, `invalid_argument`.
   */
  async remove(target: string, filter: { readonly type: string; readonly network: string }, caller: Caller): Promise<Committed<readonly DnsRecordRow[]>> {
    return this.#repository.update((view) => {
      const byId = view.dnsNameOfRecord(target);
      const present = byId ?? view.dnsName(parseDnsName(target, 'record'));
      const fits = byId === undefined ? fitting(filter) : ({ id }: AddedDnsRecord) => id === target;
      const gone = present?.value.records.filter(fits) ?? [];
      if (present === undefined || gone.length === 0) throw new DomainError('record_unknown', `record: want an id or name from "ncadm dns record list", got ${JSON.stringify(target.slice(0, 100))}`);
      const { name, records } = present.value;
      for (const record of gone) requireChangeable(name, record);
      const left = records.filter((record) => !gone.includes(record));
      const types = [...new Set(gone.map(({ type }) => type))].join(', ');
      return {
        if: [{ key: present.key, modRev: present.modRev }],
        then: [left.length === 0 ? { del: present.key } : put({ name, records: left }), this.#audit(caller, 'RemoveRecord', `${name} ${types}`, gone[0]!.network, this.#clock.now())],
        result: gone.map((record) => ({ name, ...record })),
      };
    });
  }

  /**
   * Makes the records of a file those that stand there now. A name that has come to break a rule beside what admins added keeps what it had.
   *
   * @returns Why records of a name are not taken, a sentence each.
   */
  async replace(source: RecordSource, wanted: readonly AddedRecord[]): Promise<readonly string[]> {
    const byName = new Map<DnsName, AddedRecord[]>();
    for (const { value } of this.#repository.view.dnsNames()) if (value.records.some(({ createdBy }) => createdBy === source)) byName.set(value.name as DnsName, []);
    for (const record of wanted) {
      const name = parseDnsName(record.name);
      byName.set(name, [...(byName.get(name) ?? []), record]);
    }
    const [names, faults] = [[...byName], [] as string[]];
    for (let at = 0; at < names.length; at += BATCH) {
      const part = names.slice(at, at + BATCH);
      faults.push(...(await this.#repository.update((view) => this.#replacement(view, source, part))).result);
    }
    return faults;
  }

  #replacement(view: LocalView, source: RecordSource, names: readonly (readonly [DnsName, readonly AddedRecord[]])[]): Decision<string[]> {
    const context = this.#contexts(view, ({ createdBy }) => createdBy === source);
    const [compares, writes, faults]: [Compare[], Operation[], string[]] = [[], [], []];
    for (const [name, wanted] of names) {
      try {
        const present = view.dnsName(name)?.value.records ?? [];
        const others = present.filter(({ createdBy }) => createdBy !== source);
        const next = { name, records: [...others, ...this.#configured(source, wanted, present, context)] };
        if (next.records.length > PER_NAME) throw new DomainError('invalid_argument', `record: want at most ${PER_NAME} records at ${name}`);
        if (isEqual(next.records, present)) continue;
        compares.push(this.#unchanged(view, name));
        writes.push(next.records.length === 0 ? { del: keys.dnsName(name) } : put(next));
      } catch (error) {
        if (!(error instanceof DomainError)) throw error;
        faults.push(error.message);
      }
    }
    return { if: compares, then: writes, result: faults };
  }

  /** The records of one name as the store has them; one that was there keeps its date. */
  #configured(source: RecordSource, wanted: readonly AddedRecord[], present: readonly AddedDnsRecord[], context: (network: string) => RecordContext): AddedDnsRecord[] {
    return wanted.map(({ type, value, ttlSeconds, network = '', ...rest }) => {
      const { name } = checkRecord({ ...rest, type, value, ttlSeconds }, context(network));
      const id = idIn(source, [name, type, value, network]);
      const createdAtMs = present.find((record) => record.id === id)?.createdAtMs ?? this.#clock.now();
      return { id, network, type, value, ttlSeconds, createdAtMs, createdBy: source };
    });
  }

  /** By name and id. @throws DomainError `invalid_argument` for a name that is none. */
  list(filter: { readonly network: string; readonly name: string }, pageToken: string, limit: number): Page<DnsRecordRow> {
    const { network, name } = filter;
    return this.#repository.view.pageDnsRecords({ ...(network && { network }), ...(name && { name: parseDnsName(name, 'record.name') }) }, pageToken, limit);
  }

  /** The contexts of many records, each network's made once. */
  #contexts(view: LocalView, except: Except): (network: string) => RecordContext {
    const made = new Map<string, RecordContext>();
    return (network) => {
      const context = made.get(network) ?? this.#context(view, network, except);
      made.set(network, context);
      return context;
    };
  }

  /** What stands beside a record that nodes of `network` alone, or everybody when it is empty, shall see. @param except Left out. */
  #context(view: LocalView, network: string, except: Except): RecordContext {
    const networks = view.networks().map(({ value }) => value);
    const apexes = new Set<DnsName>([this.#zone, ...networks.flatMap(({ cidr, cidr6 }) => reverseZones(cidr, cidr6))]);
    let pointers: Map<DnsName, DnsName> | undefined;
    return {
      apexOf: (name) => apexOf(name, apexes),
      holderOf: (name) => holderOf(name, this.#zone, networks.map((each) => each.name)),
      pointerTo: (name) => (pointers ??= this.#pointers(view, network, except)).get(name),
      typesAt: (name) => {
        const beside = view.dnsName(name)?.value.records.filter((record) => !except(record) && meet(record.network, network)) ?? [];
        return new Set<RecordType>([...beside.map(({ type }) => type as RecordType), ...(apexes.has(name) ? (['SOA', 'NS'] as const) : [])]);
      },
    };
  }

  /** Which names lead to which, of all that who sees `network` sees. */
  #pointers(view: LocalView, network: string, except: Except): Map<DnsName, DnsName> {
    const pointers = new Map<DnsName, DnsName>();
    for (const { value: { name, records } } of view.dnsNames()) {
      for (const record of records.filter((each) => !except(each) && meet(each.network, network))) {
        const target = exchangeOf(parseRecord({ ...record, name }).data);
        if (target !== undefined) pointers.set(target, name as DnsName);
      }
    }
    return pointers;
  }

  #unchanged(view: LocalView, name: DnsName): Compare {
    const present = view.dnsName(name);
    const key = keys.dnsName(name);
    return present === undefined ? { key, absent: true } : { key, modRev: present.modRev };
  }

  #audit(caller: Caller, method: string, what: string, network: string, now: number): Operation {
    return auditOperation(caller, { object: `record/${what}`, method, network }, now);
  }
}

function put(record: DnsNameRecord): Operation {
  return { put: keys.dnsName(record.name), value: DnsNameRecord.encode(record).finish() };
}

/** Records that are left out. */
type Except = (record: AddedDnsRecord) => boolean;

/** The same record has the same id whenever the file is read. */
function idIn(source: RecordSource, parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify([source, ...parts])).digest('hex').slice(0, 12);
}

function isEqual(a: readonly AddedDnsRecord[], b: readonly AddedDnsRecord[]): boolean {
  return a.length === b.length && a.every((record, at) => JSON.stringify(record) === JSON.stringify(b[at]));
}

function requireChangeable(name: string, { type, createdBy }: AddedDnsRecord): void {
  if (SOURCES.includes(createdBy)) throw new DomainError('permission_denied', `record: ${name} ${type} stands in ${createdBy === 'server.yml' ? createdBy : `the ${createdBy}`}; change it there`);
}

function fitting({ type, network }: { readonly type: string; readonly network: string }) {
  return (record: AddedDnsRecord): boolean => (type === '' || record.type === type.toUpperCase()) && (network === '' || record.network === network);
}

/** Whether one client may see both. */
function meet(a: string, b: string): boolean {
  return a === '' || b === '' || a === b;
}

function isSame(record: AddedDnsRecord, wanted: AddedRecord): boolean {
  if (record.type !== wanted.type || record.network !== wanted.network) return false;
  return dataKey(parseRecord({ ...record, name: wanted.name }).data) === dataKey(parseRecord(wanted).data);
}

function apexOf(name: DnsName, apexes: ReadonlySet<DnsName>): DnsName | undefined {
  let at: DnsName | undefined = name;
  while (at !== undefined && !apexes.has(at)) at = parentOf(at);
  return at;
}
