import type { Database, Statement } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import type { NodeRecord, PresenceRecord, TokenRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { keys, kindOf, type RecordKind } from './keys.js';
import { decodeRecord, pathOf, type RecordOf } from './records.js';
import type { StoreEvent } from './store.js';
import { UPSERTS } from './upserts.js';

/** Where a record stands: its row in `kv`, what its key says after the kind, and the revision that wrote it. */
interface Place {
  readonly id: number;
  readonly path: readonly string[];
  readonly modRev: bigint;
  /** Whether this revision made the key. */
  readonly isNew: boolean;
}

type Projections = { readonly [K in RecordKind]?: (record: RecordOf[K], place: Place) => void };

/** LiteKube has one network, and in it one row `reserverd`. */
const FIRST_NETWORK = 'default';

/**
 * Writes what happened to the tables that queries read: `kv`, and a row for each node, token, address, service, added DNS record,
 * certificate and audit entry. The rows depend on nothing but the events, so replicas that apply the same events have the same tables.
 * A deleted record takes its row along by foreign key, and triggers keep the counters.
 */
export class Projector {
  readonly #id: Statement<[string], number>;
  readonly #insert: Statement<[string, Uint8Array, bigint, bigint, number | null]>;
  readonly #update: Statement<[Uint8Array, bigint, number | null, number]>;
  readonly #delete: Statement<[string]>;
  readonly #value: Statement<[string], Buffer>;
  readonly #presence: Statement;
  readonly #projections: Projections;

  constructor(db: Database) {
    this.#id = db.prepare<[string], number>('SELECT id FROM kv WHERE key = ?').pluck();
    // One statement for both, or one with RETURNING, would have SQLite copy every page before it is changed.
    this.#insert = db.prepare('INSERT INTO kv (key, value, create_rev, mod_rev, expire_at_ms) VALUES (?, ?, ?, ?, ?)');
    this.#update = db.prepare('UPDATE kv SET value = ?, mod_rev = ?, expire_at_ms = ? WHERE id = ?');
    this.#delete = db.prepare('DELETE FROM kv WHERE key = ?');
    this.#value = db.prepare<[string], Buffer>('SELECT value FROM kv WHERE key = ?').pluck();
    this.#presence = db.prepare(
      `UPDATE network_mgr SET state = $state, last_seen_ms = $lastSeenMs, idle_since_ms = max(created_at_ms, $lastSeenMs),
         endpoint = $endpoint, version = $version
       WHERE id = (SELECT id FROM kv WHERE key = $nodeKey)`,
    );
    this.#projections = this.#prepare(db);
  }

  /**
   * Applies one change.
   *
   * @returns Whether anything changed: deleting an absent key changes nothing.
   * @throws DomainError `store_failed` for a value that is no record of its key's kind, or the record of another key.
   */
  apply(event: StoreEvent, expireAtMs?: number): boolean {
    const kind = kindOf(event.key);
    if (event.value !== undefined) {
      this.#put(kind, event.key, event.value, event.modRev, expireAtMs);
      return true;
    }
    if (this.#delete.run(event.key).changes === 0) return false;
    if (kind === 'presence') this.#showPresence(pathOf(event.key, kind), undefined);
    return true;
  }

  #put(kind: RecordKind | undefined, key: string, value: Uint8Array, modRev: bigint, expireAtMs?: number): void {
    const known = this.#id.get(key);
    const id = known ?? Number(this.#insert.run(key, value, modRev, modRev, expireAtMs ?? null).lastInsertRowid);
    if (known !== undefined) this.#update.run(value, modRev, expireAtMs ?? null, known);
    if (kind === undefined) return;
    const place = { id, path: pathOf(key, kind), modRev, isNew: known === undefined };
    try {
      this.#project(kind, decodeRecord(kind, key, value), place);
    } catch (cause) {
      if (cause instanceof DomainError) throw cause;
      throw new DomainError('store_failed', `record ${key}: ${(cause as Error).message}`, { cause });
    }
  }

  #project<K extends RecordKind>(kind: K, record: RecordOf[K], place: Place): void {
    this.#projections[kind]?.(record, place);
  }

  #prepare(db: Database): Projections {
    const node = db.prepare(UPSERTS.node);
    const token = db.prepare(UPSERTS.token);
    const address = db.prepare(UPSERTS.address);
    const service = db.prepare(UPSERTS.service);
    const certificate = db.prepare(UPSERTS.certificate);
    const audit = db.prepare(UPSERTS.audit);
    const clearDnsName = db.prepare('DELETE FROM dns_records WHERE id = ?');
    const dnsRecord = db.prepare(
      `INSERT INTO dns_records (id, record_id, name, network, type, value, ttl_seconds, created_at_ms, created_by, mod_rev)
       VALUES ($kvId, $id, $name, $network, $type, $value, $ttlSeconds, $createdAtMs, $createdBy, $modRev)`,
    );
    return {
      network: (record, { path }) => agree(path, [record.name]),
      node: (record, { id, path, modRev, isNew }) => {
        agree(path, [record.network, undefined, record.id]);
        node.run({ ...nodeRow(record), id, modRev });
        const presence = isNew ? this.#presenceOf(record) : undefined;
        if (presence) this.#showPresence(path, presence);
      },
      presence: (record, { path }) => {
        agree(path, [undefined, undefined, record.nodeId]);
        this.#showPresence(path, record);
      },
      token: (record, { id, path, modRev }) => {
        agree(path, [undefined, record.id]);
        token.run({ ...record, token: tokenColumn(record), tokenId: record.id, id, modRev });
      },
      address: (record, { id, path: [network, , name], modRev }) => {
        address.run({ ...record, network, address: name, id, modRev });
      },
      service: (record, { id, path, modRev }) => {
        agree(path, [record.network, undefined, record.name, record.id]);
        service.run({ ...record, serviceId: record.id, id, modRev });
      },
      certificate: (record, { id, path, modRev }) => {
        agree(path, [undefined, record.serial]);
        certificate.run({ ...record, id, modRev });
      },
      apiToken: (record, { path }) => agree(path, [undefined, record.id]),
      relay: (record, { path }) => agree(path, [record.name]),
      dnsName: ({ name, records }, { id: kvId, path, modRev }) => {
        agree(path, [undefined, name]);
        clearDnsName.run(kvId);
        for (const record of records) dnsRecord.run({ ...record, kvId, name, modRev });
      },
      audit: (record, { id }) => {
        audit.run({ ...record, id });
      },
    };
  }

  #presenceOf(node: NodeRecord): PresenceRecord | undefined {
    const key = keys.presence(node.network, node.id);
    const value = this.#value.get(key);
    return value && decodeRecord('presence', key, value);
  }

  /** A presence may come before its node and stay after it; it shows while both are there. */
  #showPresence([network = '', , nodeId = '']: readonly string[], presence: PresenceRecord | undefined): void {
    const { state = -1, lastSeenMs = 0, endpoint = '', version = '' } = presence ?? {};
    this.#presence.run({ nodeKey: keys.node(network, nodeId), state, lastSeenMs, endpoint, version });
  }
}

/** A record under another's key would be found by one query and not by the next. */
function agree(path: readonly string[], wanted: readonly (string | undefined)[]): void {
  if (path.length !== wanted.length || wanted.some((part, i) => part !== undefined && part !== path[i])) {
    throw new Error(`want the record of this key, got that of ${wanted.map((part) => part ?? '*').join('/')}`);
  }
}

function nodeRow(record: NodeRecord): Record<string, unknown> {
  return {
    ...record,
    nodeId: record.id,
    token: nodeToken(record),
    reserved: Number(record.reserved),
    staticAddress: Number(record.staticAddress),
    ephemeral: Number(record.ephemeral),
  };
}

/** The column is unique and never null: a node without a token yet stands there under its id. */
function nodeToken(record: NodeRecord): string {
  if (record.reserved) return record.network === FIRST_NETWORK ? 'reserverd' : `reserverd/${record.network}`;
  return record.tokenHash.length > 0 ? record.tokenHash.toString('hex') : `node:${record.id}`;
}

function tokenColumn(record: TokenRecord): string {
  return record.secretHash.length > 0 ? record.secretHash.toString('hex') : `token:${record.id}`;
}
