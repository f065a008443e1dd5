import type { Database, Statement } from 'better-sqlite3';
import type { AppliedRevision } from './local-view.js';
import type { StoreEvent } from './store.js';

interface LogRow {
  readonly rev: number;
  readonly op: number;
  readonly key: string;
  readonly value: Buffer | null;
  readonly at_ms: number;
}

/** Reads the history of the store: which revision changed what, as far back as it is kept. */
export class EventLog {
  readonly #compactRev: Statement<[], number>;
  readonly #from: Statement<[bigint, number], LogRow>;
  readonly #rest: Statement<[number, number], LogRow>;
  readonly #atMs: Statement<[bigint], number>;

  constructor(db: Database) {
    this.#compactRev = db.prepare<[], number>(`SELECT value FROM meta WHERE name = 'compact_rev'`).pluck();
    this.#from = db.prepare('SELECT rev, op, key, value, at_ms FROM event_log WHERE rev >= ? ORDER BY rev, seq LIMIT ?');
    this.#rest = db.prepare('SELECT rev, op, key, value, at_ms FROM event_log WHERE rev = ? ORDER BY seq LIMIT -1 OFFSET ?');
    this.#atMs = db.prepare<[bigint], number>('SELECT at_ms FROM event_log WHERE rev >= ? ORDER BY rev LIMIT 1').pluck();
  }

  /** The newest revision whose history is forgotten; 0 when all is kept. */
  get compactRev(): bigint {
    return BigInt(this.#compactRev.get() ?? 0);
  }

  /** UTC ms of the first kept revision from `rev` on; undefined when there is none. */
  atMs(rev: bigint): number | undefined {
    return this.#atMs.get(rev);
  }

  /** Whole revisions from `fromRev` on, the last one completed past `limit` events; undefined when `fromRev` is forgotten. */
  revisionsFrom(fromRev: bigint, limit: number): AppliedRevision[] | undefined {
    const from = fromRev < 1n ? 1n : fromRev;
    if (from <= this.compactRev) return undefined;
    const rows = this.#from.all(from, limit);
    const last = rows.at(-1);
    if (last !== undefined && rows.length >= limit) {
      rows.push(...this.#rest.all(last.rev, rows.filter((row) => row.rev === last.rev).length));
    }
    return groupByRevision(rows);
  }
}

function groupByRevision(rows: readonly LogRow[]): AppliedRevision[] {
  const revisions: { rev: bigint; atMs: number; events: StoreEvent[] }[] = [];
  for (const row of rows) {
    const rev = BigInt(row.rev);
    if (revisions.at(-1)?.rev !== rev) revisions.push({ rev, atMs: row.at_ms, events: [] });
    revisions.at(-1)?.events.push(toEvent(row, rev));
  }
  return revisions;
}

function toEvent(row: LogRow, modRev: bigint): StoreEvent {
  return row.value === null ? { type: 'delete', key: row.key, modRev } : { type: 'put', key: row.key, value: row.value, modRev };
}
