import type { Database } from 'better-sqlite3';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DomainError } from '../../domain/errors.js';

const FOLDER = new URL('../../../migrations/', import.meta.url);

interface Migration {
  readonly version: number;
  readonly file: string;
}

/**
 * Brings the schema of `db` up to this program's, each migration in a transaction of its own. `PRAGMA user_version` holds
 * the number of the migration applied last.
 *
 * @throws DomainError `store_failed` when the schema is newer than this program knows.
 * @see https://www.sqlite.org/pragma.html#pragma_user_version
 */
export function migrate(db: Database): void {
  const migrations = listMigrations();
  const newest = migrations.at(-1)?.version ?? 0;
  const current = db.pragma('user_version', { simple: true }) as number;
  if (current > newest) {
    throw new DomainError(
      'store_failed',
      `${db.name}: want a schema of at most version ${newest}, got version ${current}; it was written by a newer nc-server: start that one`,
    );
  }
  for (const migration of migrations) {
    if (migration.version > current) apply(db, migration);
  }
}

/** The version of the schema that this program works with. */
export function newestSchema(): number {
  return listMigrations().at(-1)?.version ?? 0;
}

function listMigrations(): Migration[] {
  return readdirSync(FOLDER)
    .filter((file) => /^\d{4}-.*\.sql$/.test(file))
    .sort()
    .map((file) => ({ version: Number(file.slice(0, 4)), file }));
}

function apply(db: Database, { version, file }: Migration): void {
  const sql = readFileSync(fileURLToPath(new URL(file, FOLDER)), 'utf8');
  db.transaction(() => {
    db.exec(sql);
    db.pragma(`user_version = ${version}`);
  }).immediate();
}
