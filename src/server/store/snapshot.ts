import type { Database, Statement } from 'better-sqlite3';
import { openForReading } from './database.js';
import { EventLog } from './event-log.js';
import { prefixEnd } from './key-range.js';
import { toRecord, type KvRow } from './kv-row.js';
import type { StoreRecord } from './store.js';

/**
 * The store as it was at one revision: a connection that holds a read transaction open. Reads of one turn of the event loop therefore
 * agree with each other and with what listeners have been told, however far the writer has come meanwhile.
 */
export class Snapshot {
  readonly db: Database;
  readonly log: EventLog;
  readonly #begin: Statement;
  readonly #end: Statement;
  readonly #rev: Statement<[], number>;
  readonly #get: Statement<[string], KvRow>;
  #current: bigint;

  constructor(file: string) {
    this.db = openForReading(file);
    this.log = new EventLog(this.db);
    this.#begin = this.db.prepare('BEGIN');
    this.#end = this.db.prepare('COMMIT');
    this.#rev = this.db.prepare<[], number>(`SELECT value FROM meta WHERE name = 'rev'`).pluck();
    this.#get = this.db.prepare('SELECT key, value, create_rev, mod_rev FROM kv WHERE key = ?');
    this.#current = this.#take();
  }

  /** The revision that is seen. */
  get rev(): bigint {
    return this.#current;
  }

  /** Moves to the newest revision. */
  advance(): void {
    // After a read that failed there is none to end.
    if (this.db.inTransaction) this.#end.run();
    this.#current = this.#take();
  }

  get(key: string): StoreRecord | undefined {
    const row = this.#get.get(key);
    return row && toRecord(row);
  }

  /** Records under `prefix` in key order, in pages. */
  *list(prefix: string, pageSize: number): Generator<StoreRecord[]> {
    const end = prefixEnd(prefix);
    const page = this.db.prepare<[string, ...string[]], KvRow>(
      `SELECT key, value, create_rev, mod_rev FROM kv WHERE key >= ? ${end === undefined ? '' : 'AND key < ?'} ORDER BY key LIMIT ${pageSize}`,
    );
    const rest: string[] = end === undefined ? [] : [end];
    for (let rows = page.all(prefix, ...rest); rows.length > 0; ) {
      yield rows.map(toRecord);
      const last = rows.at(-1);
      // No key lies between a key and the same followed by NUL.
      rows = rows.length < pageSize || last === undefined ? [] : page.all(`${last.key}\0`, ...rest);
    }
  }

  close(): void {
    this.db.close();
  }

  #take(): bigint {
    this.#begin.run();
    return BigInt(this.#rev.get() as number);
  }
}
