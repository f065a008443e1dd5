import type { KvRow } from './kv-row.js';
import type { DnsRecordRow, NodeRow, Page, ServiceRowFilter, Versioned } from './local-view.js';
import { pageToken, parsePageToken } from './page-token.js';
import { RECORD, versioned, type Bind, type RecordReader } from './record-reader.js';
import type { RecordOf } from './records.js';

/** A row of `network_mgr` with its record. */
export interface NodeViewRow extends KvRow {
  readonly network: string;
  readonly node_id: string;
  readonly state: number;
  readonly last_seen_ms: number;
  readonly endpoint: string;
  readonly version: string;
}

/** Selects {@link NodeViewRow}s. */
export const NODE_ROWS = `SELECT ${RECORD}, t.network, t.node_id, t.state, t.last_seen_ms, t.endpoint, t.version
  FROM network_mgr t JOIN kv USING (id)`;

/** The node in a row. */
export function toNodeRow(row: NodeViewRow): NodeRow {
  return { record: versioned('node', row).value, state: row.state, lastSeenMs: row.last_seen_ms, endpoint: row.endpoint, version: row.version };
}

/** Nodes by network and id. */
export function pageNodes(reader: RecordReader, filter: { network?: string; state?: number }, token: string, limit: number): Page<NodeRow> {
  const query = new PageQuery(NODE_ROWS).only('t.state', filter.state).only('t.network', filter.network);
  query.after(['t.network', 't.node_id'], parsePageToken(token, ['', '']));
  const rows = query.rows<NodeViewRow>(reader, limit);
  return toPage(rows, limit, toNodeRow, (row) => [row.network, row.node_id]);
}

/** Tokens by id. */
export function pageTokens(reader: RecordReader, filter: { network?: string }, token: string, limit: number): Page<Versioned<RecordOf['token']>> {
  const query = new PageQuery(`SELECT ${RECORD}, t.token_id FROM token_mgr t JOIN kv USING (id)`).only('t.network', filter.network);
  query.after(['t.token_id'], parsePageToken(token, ['']));
  const rows = query.rows<KvRow & { token_id: string }>(reader, limit);
  return toPage(rows, limit, (row) => versioned('token', row), (row) => [row.token_id]);
}

/** Services by network, name and id. */
export function pageServices(
  reader: RecordReader,
  filter: ServiceRowFilter,
  token: string,
  limit: number,
): Page<Versioned<RecordOf['service']>> {
  const query = new PageQuery(`SELECT ${RECORD}, t.network, t.name, t.service_id FROM services t JOIN kv USING (id)`);
  query.only('t.network', filter.network).only('t.name', filter.name).only('t.type', filter.type).only('t.channel', filter.channel);
  query.after(['t.network', 't.name', 't.service_id'], parsePageToken(token, ['', '', '']));
  const rows = query.rows<KvRow & { network: string; name: string; service_id: string }>(reader, limit);
  return toPage(rows, limit, (row) => versioned('service', row), (row) => [row.network, row.name, row.service_id]);
}

/** Records that admins added, by name and id. */
export function pageDnsRecords(reader: RecordReader, filter: { network?: string; name?: string }, token: string, limit: number): Page<DnsRecordRow> {
  const query = new PageQuery(`SELECT t.record_id AS id, t.name, t.network, t.type, t.value, t.ttl_seconds AS ttlSeconds,
    t.created_at_ms AS createdAtMs, t.created_by AS createdBy FROM dns_records t`);
  query.only('t.network', filter.network).only('t.name', filter.name);
  query.after(['t.name', 't.record_id'], parsePageToken(token, ['', '']));
  return toPage(query.rows<DnsRecordRow>(reader, limit), limit, (row) => row, (row) => [row.name, row.id]);
}

/** The audit log, newest first. */
export function pageAudit(
  reader: RecordReader,
  filter: { actor?: string; object?: string; result?: string },
  token: string,
  limit: number,
): Page<Versioned<RecordOf['audit']>> {
  const query = new PageQuery(`SELECT ${RECORD}, t.at_ms, t.id FROM audit_log t JOIN kv USING (id)`);
  query.only('t.actor', filter.actor).only('t.object', filter.object).only('t.result', filter.result);
  query.before(['t.at_ms', 't.id'], parsePageToken(token, [Number.MAX_SAFE_INTEGER, 0]));
  const rows = query.rows<KvRow & { at_ms: number; id: number }>(reader, limit);
  return toPage(rows, limit, (row) => versioned('audit', row), (row) => [row.at_ms, row.id]);
}

/** A SELECT that goes on after the sort key of the page before. Columns are ours; what callers give is bound. */
class PageQuery {
  readonly #select: string;
  readonly #where: string[] = [];
  readonly #bind: Bind[] = [];
  #order = '';

  constructor(select: string) {
    this.#select = select;
  }

  only(column: string, value: Bind | undefined): this {
    if (value !== undefined) {
      this.#where.push(`${column} = ?`);
      this.#bind.push(value);
    }
    return this;
  }

  after(columns: readonly string[], key: readonly Bind[]): void {
    this.#from(columns, '>', key);
    this.#order = columns.join(', ');
  }

  before(columns: readonly string[], key: readonly Bind[]): void {
    this.#from(columns, '<', key);
    this.#order = columns.map((column) => `${column} DESC`).join(', ');
  }

  rows<R>(reader: RecordReader, limit: number): R[] {
    return reader.rows<R>(`${this.#select} WHERE ${this.#where.join(' AND ')} ORDER BY ${this.#order} LIMIT ?`, ...this.#bind, limit);
  }

  #from(columns: readonly string[], sign: '<' | '>', key: readonly Bind[]): void {
    this.#where.push(`(${columns.join(', ')}) ${sign} (${columns.map(() => '?').join(', ')})`);
    this.#bind.push(...key);
  }
}

function toPage<R, T>(rows: readonly R[], limit: number, toItem: (row: R) => T, sortKey: (row: R) => Bind[]): Page<T> {
  const last = rows.at(-1);
  return { items: rows.map(toItem), next: last === undefined || rows.length < limit ? '' : pageToken(sortKey(last)) };
}
