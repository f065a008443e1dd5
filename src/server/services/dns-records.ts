import { randomBytes } from 'node:crypto';
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
import type { Committed, DnsRecordRow, LocalView, Page, Repository } from '../store/local-view.js';
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
  /** The records of server.yml and of the records file, beside which new ones must fit. */
  readonly configured: () => readonly AddedRecord[];
}

/** DNS records that admins add while the server runs. */
export class DnsRecords {
  readonly #repository: Repository;
  readonly #clock: Clock;
  readonly #zone: DnsName;
  readonly #configured: () => readonly AddedRecord[];

  constructor({ repository, clock, zone, configured }: Deps) {
    this.#repository = repository;
    this.#clock = clock;
    this.#zone = parseDnsName(zone, 'zone');
    this.#configured = configured;
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
      const { data } = checkRecord({ ...added, id: same?.id ?? added.id }, this.#context(view, network, same?.id));
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
      const left = records.filter((record) => !gone.includes(record));
      const types = [...new Set(gone.map(({ type }) => type))].join(', ');
      return {
        if: [{ key: present.key, modRev: present.modRev }],
        then: [left.length === 0 ? { del: present.key } : put({ name, records: left }), this.#audit(caller, 'RemoveRecord', `${name} ${types}`, gone[0]!.network, this.#clock.now())],
        result: gone.map((record) => ({ name, ...record })),
      };
    });
  }

  /** By name and id. @throws DomainError `invalid_argument` for a name that is none. */
  list(filter: { readonly network: string; readonly name: string }, pageToken: string, limit: number): Page<DnsRecordRow> {
    const { network, name } = filter;
    return this.#repository.view.pageDnsRecords({ ...(network && { network }), ...(name && { name: parseDnsName(name, 'record.name') }) }, pageToken, limit);
  }

  /** What stands beside a record that nodes of `network` alone, or everybody when it is empty, shall see. */
  #context(view: LocalView, network: string, except: string | undefined): RecordContext {
    const networks = view.networks().map(({ value }) => value);
    const apexes = new Set<DnsName>([this.#zone, ...networks.flatMap(({ cidr, cidr6 }) => reverseZones(cidr, cidr6))]);
    return {
      apexOf: (name) => apexOf(name, apexes),
      holderOf: (name) => holderOf(name, this.#zone, networks.map((each) => each.name)),
      pointerTo: (name) => this.#addedIn(view, network, except).find((record) => exchangeOf(parseRecord(record).data) === name)?.name as DnsName | undefined,
      typesAt: (name) => {
        const configured = this.#configured().filter((record) => parseDnsName(record.name) === name);
        const stored = view.dnsName(name)?.value.records.filter(({ id }) => id !== except) ?? [];
        const beside = [...configured, ...stored].filter((record) => meet(record.network ?? '', network));
        return new Set<RecordType>([...beside.map(({ type }) => type as RecordType), ...(apexes.has(name) ? (['SOA', 'NS'] as const) : [])]);
      },
    };
  }

  /** Every added record that who sees `network` sees, but for one. */
  #addedIn(view: LocalView, network: string, except: string | undefined): AddedRecord[] {
    const stored = view.dnsNames().flatMap(({ value: { name, records } }) => records.filter(({ id }) => id !== except).map((record) => ({ ...record, name })));
    return [...this.#configured(), ...stored].filter((record) => meet(record.network ?? '', network));
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
