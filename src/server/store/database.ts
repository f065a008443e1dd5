import Database from 'better-sqlite3';
import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DomainError } from '../../domain/errors.js';

/** How long a connection waits for another one's lock. Ours never hold one for long. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens the one connection that writes, creating folder (0700) and file (0600) as needed.
 *
 * Checkpoints are ours to order: one by SQLite itself, at a commit, would find the reading thread on an older snapshot and never
 * come to the end of the log, which would grow for ever.
 *
 * @see https://www.sqlite.org/wal.html#avoiding_excessively_large_wal_files
 */
export function openForWriting(file: string): Database.Database {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  // SQLite gives the log and the shared memory the mode of the file, which must therefore be there first.
  makePrivate(file);
  const db = new Database(file, { timeout: BUSY_TIMEOUT_MS });
  db.pragma('journal_mode = WAL');
  // better-sqlite3 is compiled with NORMAL for WAL, which may forget acknowledged commits when the power fails.
  db.pragma('synchronous = FULL');
  db.pragma('foreign_keys = ON');
  db.pragma('wal_autocheckpoint = 0');
  // Cuts the log when it starts over, so that its size on disk tells what is in it.
  db.pragma('journal_size_limit = 0');
  return db;
}

/** Opens a connection that only reads. */
export function openForReading(file: string): Database.Database {
  return new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
}

/**
 * Holds `file` for this process until the returned function is called or the process ends, however it ends. It is a lock of
 * the operating system on a file beside it, taken through SQLite because Node has no other way to one.
 *
 * @throws DomainError `store_failed` when another process, or this one, holds it already.
 */
export function lockFile(file: string): () => void {
  makePrivate(`${file}.lock`);
  const lock = new Database(`${file}.lock`, { timeout: 0 });
  try {
    lock.pragma('journal_mode = MEMORY');
    lock.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    lock.close();
    throw new DomainError('store_failed', `${file}: want it for ourselves, but another nc-server has it open; stop that one first`, { cause });
  }
  return () => lock.close();
}

function makePrivate(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
}

/** Tells whether SQLite raised `error`. */
export function isSqliteError(error: unknown): error is InstanceType<typeof Database.SqliteError> {
  return error instanceof Database.SqliteError;
}
