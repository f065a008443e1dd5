import Database from 'better-sqlite3';
import { join } from 'node:path';
import { migrate } from '../../../src/server/store/migrate.js';
import { Projector } from '../../../src/server/store/projector.js';
import type { StoreEvent } from '../../../src/server/store/store.js';
import { tmpDir } from '../../support/tmp-dir.js';

/** The tables that follow from the events alone, and the columns in which local time or a replica's own numbering shows. */
const TABLES = ['kv', 'network_mgr', 'token_mgr', 'addresses', 'services', 'dns_records', 'certificates', 'audit_log', 'counters'];
const LOCAL = new Set(['id', 'update_time', 'expire_at_ms']);

/** Everything queries can see, in an order of its own. Counters of nothing count as absent. */
export function tables(db: Database.Database): Record<string, string[]> {
  return Object.fromEntries(
    TABLES.map((table) => {
      const rows = db.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[];
      const visible = rows.filter((row) => table !== 'counters' || row['n'] !== 0);
      return [table, visible.map((row) => JSON.stringify(Object.entries(row).filter(([column]) => !LOCAL.has(column)))).sort()];
    }),
  );
}

/** The events of a store's log, in order. */
export function events(db: Database.Database): StoreEvent[] {
  const rows = db.prepare('SELECT rev, key, value FROM event_log ORDER BY rev, seq').all() as { rev: number; key: string; value: Buffer | null }[];
  return rows.map(({ rev, key, value }) => {
    const modRev = BigInt(rev);
    return value === null ? { type: 'delete', key, modRev } : { type: 'put', key, value, modRev };
  });
}

/** The tables that come of applying `history` to an empty file. */
export function replay(history: readonly StoreEvent[]): Record<string, string[]> {
  const db = new Database(join(tmpDir(), 'replay.db'));
  db.pragma('foreign_keys = ON');
  migrate(db);
  const projector = new Projector(db);
  db.transaction(() => {
    for (const event of history) projector.apply(event);
  })();
  const result = tables(db);
  db.close();
  return result;
}
