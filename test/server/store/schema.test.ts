import Database from 'better-sqlite3';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { migrate } from '../../../src/server/store/migrate.js';
import { tmpDir } from '../../support/tmp-dir.js';

const MIGRATIONS = join(import.meta.dirname, '../../../migrations');

function migrated(): Database.Database {
  const db = new Database(join(tmpDir(), 'nc.db'));
  onTestFinished(() => void db.close());
  migrate(db);
  return db;
}

function columns(db: Database.Database, table: string): string[] {
  return (db.pragma(`table_info(${table})`) as { name: string }[]).map(({ name }) => name);
}

describe('migrations', () => {
  it('are numbered without gap and each leaves its number behind', () => {
    const files = readdirSync(MIGRATIONS).sort();

    expect(files.map((file) => Number(file.slice(0, 4)))).toEqual(files.map((_, i) => i + 1));
    expect(migrated().pragma('user_version', { simple: true })).toBe(files.length);
  });

  it('explain every column', () => {
    const undocumented: string[] = [];
    for (const file of readdirSync(MIGRATIONS)) {
      const sql = readFileSync(join(MIGRATIONS, file), 'utf8');
      for (const [, table, body = ''] of sql.matchAll(/CREATE TABLE "?(\w+)"? \(\n([\s\S]*?)\n\)/g)) {
        const lines = body.split('\n').filter((line) => !/^\s*(PRIMARY|FOREIGN) KEY/.test(line));
        undocumented.push(...lines.filter((line) => !/ -- \S+/.test(line)).map((line) => `${table}: ${line.trim()}`));
      }
    }
    expect(undocumented).toEqual([]);
  });

  it('change nothing when they are run again', () => {
    const db = migrated();
    const before = db.prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all();
    migrate(db);
    expect(db.prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all()).toEqual(before);
  });

  it("keep LiteKube's columns first", () => {
    const db = migrated();
    expect(columns(db, 'network_mgr').slice(0, 6)).toEqual(['id', 'token', 'state', 'bind_ip', 'create_time', 'update_time']);
    expect(columns(db, 'token_mgr').slice(0, 5)).toEqual(['id', 'token', 'expire_time', 'create_time', 'update_time']);
  });
});

describe('update_time', () => {
  const LONG_AGO = '2001-01-01 00:00:00';

  function withRows(): Database.Database {
    const db = migrated();
    db.pragma('foreign_keys = OFF');
    db.exec(`INSERT INTO network_mgr (id, token, state, node_id, network, name, bind_ip6, wg_public_key, reserved, static_address, ephemeral,
        created_at_ms, revoked_at_ms, mod_rev, idle_since_ms, update_time) VALUES (1, 't', -1, 'n', 'default', 'n', '', x'', 0, 0, 0, 0, 0, 1, 0, '${LONG_AGO}');
      INSERT INTO token_mgr (id, token, token_id, network, label, created_by, created_at_ms, expires_at_ms, max_uses, revoked_at_ms, mod_rev, update_time)
        VALUES (1, 't', 'i', 'default', '', '', 0, 0, 1, 0, 1, '${LONG_AGO}');`);
    return db;
  }

  const changes = {
    network_mgr: [`token = 'x'`, 'state = 3', `bind_ip = '10.0.0.9'`, `create_time = 'x'`],
    token_mgr: [`token = 'x'`, `expire_time = 'x'`, `create_time = 'x'`],
  };
  for (const [table, sets] of Object.entries(changes)) {
    it.each(sets)(`of ${table} moves with %s`, (set) => {
      const db = withRows();
      db.exec(`UPDATE ${table} SET ${set}`);
      expect(db.prepare(`SELECT update_time > '2020' FROM ${table}`).pluck().get()).toBe(1);
    });

    it(`of ${table} stays when only our own columns change`, () => {
      const db = withRows();
      db.exec(`UPDATE ${table} SET mod_rev = 2`);
      expect(db.prepare(`SELECT update_time FROM ${table}`).pluck().get()).toBe(LONG_AGO);
    });
  }
});
