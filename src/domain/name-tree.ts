import { parentOf, under, type DnsName } from './dns-name.js';
import { dataKey, type RecordData, type RecordType, type ResourceRecord } from './dns-record.js';

/** A record with the node, service or rule that it is there for. */
interface OwnedRecord {
  readonly owner: string;
  readonly ttlSeconds: number;
  readonly data: RecordData;
}

interface Entry {
  /** Names directly below this one, and holds. A name with some exists even when it has no record. @see RFC 8020 §2 */
  children: number;
  readonly records: OwnedRecord[];
}

/** Names that are kept elsewhere, and have no names with records below them there. */
export interface Leaves {
  /** How many have records. */
  readonly size: number;
  /** Whether the name exists there, with records or only because of names below it. */
  has(name: DnsName): boolean;
  records(name: DnsName): readonly ResourceRecord[];
}

/**
 * Names with their records, changed one owner at a time.
 *
 * A plain map of names with a count of children in each: finding, adding and removing cost the same in a zone of ten
 * and of ten thousand names, and an empty non-terminal is an entry like every other.
 */
export class NameTree {
  readonly #entries = new Map<DnsName, Entry>();
  #leaves: Leaves | undefined;

  /** How many names exist, empty non-terminals included. A leaf with records of its own here counts as two. */
  get size(): number {
    return this.#entries.size + (this.#leaves?.size ?? 0);
  }

  /** Counts `leaves` among its own from now on. Whoever keeps them holds the names right above them, or knows them too. */
  join(leaves: Leaves): void {
    this.#leaves = leaves;
  }

  /** Adds a record. One owner may have several at a name. */
  add(name: DnsName, owner: string, ttlSeconds: number, data: RecordData): void {
    this.#entry(name).records.push({ owner, ttlSeconds, data });
  }

  /** Removes every record of `owner` at `name`, and the names that exist no longer. */
  remove(name: DnsName, owner: string): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    for (let i = entry.records.length - 1; i >= 0; i--) {
      if (entry.records[i]!.owner === owner) entry.records.splice(i, 1);
    }
    this.#prune(name, entry);
  }

  /** Lets `name` exist without records until {@link release}, as often as it is held. */
  hold(name: DnsName): void {
    this.#entry(name).children++;
  }

  /** Ends one {@link hold}. */
  release(name: DnsName): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.children--;
    this.#prune(name, entry);
  }

  /** Whether the name exists, with records or only because of names below it. */
  exists(name: DnsName): boolean {
    return this.#entries.has(name) || this.#leaves?.has(name) === true;
  }

  /** The records of one type at `name`, equal data once, all with the least of their TTLs. @see RFC 2181 §5.2 */
  records(name: DnsName, type: RecordType): ResourceRecord[] {
    const byData = new Map<string, RecordData>();
    let ttlSeconds = Infinity;
    for (const record of this.#recordsAt(name)) {
      if (record.data.type !== type) continue;
      byData.set(dataKey(record.data), record.data);
      ttlSeconds = Math.min(ttlSeconds, record.ttlSeconds);
    }
    return [...byData.values()].map((data) => ({ name, ttlSeconds, data }));
  }

  /** The types that have records at `name`, those of `except` not counted. */
  types(name: DnsName, except?: string): Set<RecordType> {
    const types = new Set(this.#leaves?.records(name).map(({ data }) => data.type));
    for (const { owner, data } of this.#entries.get(name)?.records ?? []) if (owner !== except) types.add(data.type);
    return types;
  }

  /**
   * The name whose records answer for `name`: itself, or the wildcard directly below its closest existing ancestor.
   *
   * @see RFC 4592 §3.3.1
   */
  source(name: DnsName): DnsName | undefined {
    if (this.exists(name)) return name;
    let encloser = parentOf(name);
    while (encloser !== undefined && !this.exists(encloser)) encloser = parentOf(encloser);
    if (encloser === undefined) return undefined;
    const wildcard = under('*', encloser);
    return this.#entries.has(wildcard) ? wildcard : undefined;
  }

  #recordsAt(name: DnsName): readonly Pick<OwnedRecord, 'ttlSeconds' | 'data'>[] {
    const own = this.#entries.get(name)?.records ?? [];
    const leaves = this.#leaves?.records(name) ?? [];
    return leaves.length === 0 ? own : [...leaves, ...own];
  }

  #entry(name: DnsName): Entry {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const made: Entry = { children: 0, records: [] };
    this.#entries.set(name, made);
    const parent = parentOf(name);
    if (parent !== undefined) this.#entry(parent).children++;
    return made;
  }

  #prune(name: DnsName, entry: Entry): void {
    if (entry.records.length > 0 || entry.children > 0) return;
    this.#entries.delete(name);
    const parent = parentOf(name);
    if (parent !== undefined) this.release(parent);
  }
}
