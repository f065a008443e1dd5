import { existsSync, statSync } from 'node:fs';
import { openForReading } from './database.js';
import { newestSchema } from './migrate.js';

/** What can be seen of a store's file, a server running on it or not. */
export interface SqliteHealth {
  readonly fileBytes: number;
  /** Of the write-ahead log beside it. */
  readonly walBytes: number;
  /** Bytes within the file that hold nothing. */
  readonly unusedBytes: number;
  readonly schema: number;
  /** The one that this program works with. */
  readonly newestSchema: number;
  /** What `PRAGMA quick_check` finds wrong; empty when nothing is. */
  readonly faults: readonly string[];
  readonly revision: number;
  /** Revisions whose history is kept. */
  readonly keptRevisions: number;
  readonly sqlite: string;
}

/**
 * Looks at the file without changing it; undefined when there is none.
 *
 * @throws Error of SQLite when the file cannot be read as a store.
 * @see https://www.sqlite.org/pragma.html#pragma_quick_check
 */
export function sqliteHealth(file: string): SqliteHealth | undefined {
  if (!existsSync(file)) return undefined;
  const db = openForReading(file);
  try {
    const pragma = (name: string): number => db.pragma(name, { simple: true }) as number;
    const meta = db.prepare<[string], number>('SELECT value FROM meta WHERE name = ?').pluck();
    const revision = meta.get('rev') ?? 0;
    const checked = (db.pragma('quick_check(10)') as { quick_check: string }[]).map((row) => row.quick_check);
    return {
      fileBytes: statSync(file).size,
      walBytes: statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0,
      unusedBytes: pragma('freelist_count') * pragma('page_size'),
      schema: pragma('user_version'),
      newestSchema: newestSchema(),
      faults: checked.filter((line) => line !== 'ok'),
      revision,
      keptRevisions: revision - (meta.get('compact_rev') ?? 0),
      sqlite: db.prepare<[], string>('SELECT sqlite_version()').pluck().get() ?? '',
    };
  } finally {
    db.close();
  }
}
