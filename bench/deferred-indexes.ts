import type { Database } from 'better-sqlite3';

interface Schema {
  readonly type: string;
  readonly name: string;
  readonly tbl_name: string;
  readonly sql: string | null;
}

/**
 * Takes indexes and triggers away, so that rows in any order are only appended. Those that are part of a table's UNIQUE cannot be dropped, so
 * the table forgets its UNIQUE meanwhile: for a file that nobody else has open, and would be made anew if the machine stopped.
 *
 * @returns Makes them all again, and closes the connection.
 * @see https://www.sqlite.org/pragma.html#pragma_writable_schema
 */
export function deferIndexes(db: Database): () => void {
  const found = db.prepare<[], Schema>(`SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('index', 'trigger')`).all();
  const named = found.filter(({ sql }) => sql !== null);
  const implied = found.filter(({ sql, tbl_name }) => sql === null && ['kv', 'network_mgr'].includes(tbl_name)).map((index) => ({ ...index, table: sqlOf(db, index.tbl_name), column: columnOf(db, index.name) }));
  for (const { type, name } of named) db.exec(`DROP ${type} ${name}`);
  for (const { name, tbl_name, table } of implied) {
    changeSchema(db, 'UPDATE sqlite_master SET sql = ? WHERE name = ?', table.replace(/ unique/i, ''), tbl_name);
    changeSchema(db, 'DELETE FROM sqlite_master WHERE name = ?', name);
  }
  return () => {
    for (const { name, tbl_name, table, column } of implied) {
      db.exec(`CREATE UNIQUE INDEX made_again ON ${tbl_name} (${column})`);
      changeSchema(db, `UPDATE sqlite_master SET name = ?, sql = NULL WHERE name = 'made_again'`, name);
      changeSchema(db, 'UPDATE sqlite_master SET sql = ? WHERE name = ?', table, tbl_name);
    }
    for (const { sql } of named) db.exec(sql!);
    db.close();
  };
}

function sqlOf(db: Database, table: string): string {
  return db.prepare<[string], string>(`SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?`).pluck().get(table)!;
}

function columnOf(db: Database, index: string): string {
  return (db.pragma(`index_info(${index})`) as { name: string }[])[0]!.name;
}

/** Changes what the file says of itself, and has the connection read it again. */
function changeSchema(db: Database, sql: string, ...values: string[]): void {
  db.unsafeMode(true);
  db.pragma('writable_schema = ON');
  db.prepare(sql).run(...values);
  db.pragma('writable_schema = RESET');
  db.unsafeMode(false);
}
