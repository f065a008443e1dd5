import type { Database, Statement } from 'better-sqlite3';
import { DomainError } from '../../domain/errors.js';
import { isSqliteError } from './database.js';
import type { RecordKind } from './keys.js';
import type { KvRow } from './kv-row.js';
import type { Versioned } from './local-view.js';
import { decodeRecord, type RecordOf } from './records.js';

/** What a statement may be given. */
export type Bind = string | number;

/** The columns of `kv` that {@link versioned} reads. */
export const RECORD = 'kv.key, kv.value, kv.create_rev, kv.mod_rev';

/** The record in a row of `kv`. */
export function versioned<K extends RecordKind>(kind: K, row: KvRow): Versioned<RecordOf[K]> {
  return { key: row.key, value: decodeRecord(kind, row.key, row.value), modRev: BigInt(row.mod_rev) };
}

/** Queries that give records. Each text is prepared once. */
export class RecordReader {
  readonly #db: Database;
  readonly #statements = new Map<string, Statement<Bind[]>>();

  constructor(db: Database) {
    this.#db = db;
  }

  /** The record under `key`. */
  at<K extends RecordKind>(kind: K, key: string): Versioned<RecordOf[K]> | undefined {
    return this.one(kind, `SELECT ${RECORD} FROM kv WHERE key = ?`, key);
  }

  /** The first record that `sql` finds. */
  one<K extends RecordKind>(kind: K, sql: string, ...bind: Bind[]): Versioned<RecordOf[K]> | undefined {
    const [row] = this.rows<KvRow>(sql, ...bind);
    return row && versioned(kind, row);
  }

  /** Every record that `sql` finds. */
  all<K extends RecordKind>(kind: K, sql: string, ...bind: Bind[]): Versioned<RecordOf[K]>[] {
    return this.rows<KvRow>(sql, ...bind).map((row) => versioned(kind, row));
  }

  /** The number that `sql` gives in its only row, 0 without a row. */
  number(sql: string, ...bind: Bind[]): number {
    return this.rows<{ n: number | null }>(sql, ...bind)[0]?.n ?? 0;
  }

  /**
   * The rows that `sql` finds.
   *
   * @throws DomainError `store_failed` when the file cannot be read.
   */
  rows<R>(sql: string, ...bind: Bind[]): R[] {
    return this.#read(() => this.#prepared(sql).all(...bind) as R[]);
  }

  /** The texts in the only column that `sql` selects; without an object for each row. @throws DomainError `store_failed`. */
  column(sql: string, ...bind: Bind[]): string[] {
    return this.#read(() => this.#prepared(sql).pluck().all(...bind) as string[]);
  }

  #read<R>(read: () => R): R {
    try {
      return read();
    } catch (cause) {
      if (!isSqliteError(cause)) throw cause;
      throw new DomainError('store_failed', `cannot read the store: ${cause.message}`, { cause });
    }
  }

  #prepared(sql: string): Statement<Bind[]> {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
