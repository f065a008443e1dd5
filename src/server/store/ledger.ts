import type { Database, Statement } from 'better-sqlite3';
import { statSync } from 'node:fs';
import type { AppliedRevision } from './local-view.js';
import { prefixOf } from './keys.js';
import { prefixEnd } from './key-range.js';
import { toRecord, type KvRow } from './kv-row.js';
import { Projector } from './projector.js';
import type { Compare, StoreEvent, StoreRecord, Transaction, TransactionResult } from './store.js';

/** A change on its way to becoming an event. */
interface Change {
  readonly key: string;
  /** Absent for a delete. */
  readonly value?: Uint8Array;
  readonly expireAtMs?: number;
}

/** What became of one transaction of a batch: a result, or the error that undid it alone. */
export type Outcome = TransactionResult | { readonly error: unknown };

/** Raised when the final step of a commit failed, so that the disk may hold it or not. */
export class CommitUncertain extends Error {
  override readonly name = 'CommitUncertain';
}

/** As many deletes as one revision may hold. */
const EXPIRE_AT_ONCE = 120;

/** Bounds how long forgetting history keeps callers waiting. */
const FORGET_AT_ONCE = 5_000;

/** Carries out transactions on the connection that writes. Synchronous: it lives in a thread of its own. */
export class Ledger {
  readonly #db: Database;
  readonly #projector: Projector;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #get: Statement<[string], KvRow>;
  readonly #modRev: Statement<[string], number>;
  readonly #log: Statement<[bigint, number, number, string, Uint8Array | null, number]>;
  readonly #setRev: Statement<[bigint]>;
  readonly #expired: Statement<[number, number], string>;
  readonly #nextExpiry: Statement<[], number | null>;
  readonly #keepAlive: Statement<[number, string, bigint]>;
  readonly #alone: (transaction: Transaction, nowMs: number) => TransactionResult;
  #rev: bigint;

  constructor(db: Database) {
    this.#db = db;
    this.#projector = new Projector(db);
    this.#begin = db.prepare('BEGIN IMMEDIATE');
    this.#commit = db.prepare('COMMIT');
    this.#get = db.prepare('SELECT key, value, create_rev, mod_rev FROM kv WHERE key = ?');
    this.#modRev = db.prepare<[string], number>('SELECT mod_rev FROM kv WHERE key = ?').pluck();
    this.#log = db.prepare('INSERT INTO event_log (rev, seq, op, key, value, at_ms) VALUES (?, ?, ?, ?, ?, ?)');
    this.#setRev = db.prepare(`UPDATE meta SET value = ? WHERE name = 'rev'`);
    this.#expired = db.prepare<[number, number], string>('SELECT key FROM kv WHERE expire_at_ms <= ? ORDER BY expire_at_ms LIMIT ?').pluck();
    this.#nextExpiry = db.prepare<[], number | null>('SELECT min(expire_at_ms) FROM kv WHERE expire_at_ms IS NOT NULL').pluck();
    this.#keepAlive = db.prepare('UPDATE kv SET expire_at_ms = ? WHERE key = ? AND mod_rev = ?');
    // Inside a transaction this is a SAVEPOINT: a bad one is undone without its neighbours.
    this.#alone = db.transaction((transaction: Transaction, nowMs: number) => this.#carryOut(transaction, nowMs));
    this.#rev = BigInt(db.prepare<[], number>(`SELECT value FROM meta WHERE name = 'rev'`).pluck().get() as number);
  }

  /** The newest revision. */
  get rev(): bigint {
    return this.#rev;
  }

  /** UTC ms at which the next key expires; undefined when none does. */
  get nextExpiryMs(): number | undefined {
    return this.#nextExpiry.get() ?? undefined;
  }

  /** Size of the write-ahead log. */
  get walBytes(): number {
    return statSync(`${this.#db.name}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  }

  /**
   * Commits `transactions` one after another with a single fsync, each a revision of its own.
   *
   * @throws CommitUncertain; any other error means that nothing was committed.
   */
  commit(transactions: readonly Transaction[], nowMs: number): Outcome[] {
    try {
      return this.#together(() => transactions.map((transaction) => this.#carryOut(transaction, nowMs)));
    } catch (error) {
      if (error instanceof CommitUncertain) throw error;
      // One of them is bad. To be able to undo each alone, SQLite copies every page before it is changed: four times the writing, so
      // that is done only now.
      return this.#together(() => transactions.map((transaction) => this.#tryAlone(transaction, nowMs)));
    }
  }

  /** Deletes keys whose time is over, as a revision like any other. Call again while `nextExpiryMs` is due. */
  expire(nowMs: number): void {
    this.#together(() => this.#deleteAll(this.#expired.all(nowMs, EXPIRE_AT_ONCE), nowMs));
  }

  /**
   * Applies revisions that were committed elsewhere, each under its number; those that are known already are left out.
   *
   * @param rev Where the store elsewhere then stands.
   * @returns What could not be shown in the tables; its record is kept all the same.
   */
  apply(revisions: readonly AppliedRevision[], rev: bigint): { error: unknown }[] {
    return this.#together(() => {
      const errors = revisions.flatMap((revision) => (revision.rev > this.#rev ? this.#applyOne(revision) : []));
      if (rev > this.#rev) this.#rev = rev;
      return errors;
    });
  }

  /** Sets records aside for {@link replace}. */
  stage(records: readonly StoreRecord[]): void {
    this.#db.exec('CREATE TEMP TABLE IF NOT EXISTS staged (key TEXT PRIMARY KEY, value BLOB NOT NULL, create_rev INTEGER NOT NULL, mod_rev INTEGER NOT NULL)');
    const insert = this.#db.prepare('INSERT OR REPLACE INTO staged (key, value, create_rev, mod_rev) VALUES (?, ?, ?, ?)');
    this.#together(() => records.forEach((record) => insert.run(record.key, record.value, record.createRev, record.modRev)));
  }

  /**
   * Makes the records that were set aside all there is, as they were at `rev`. What differs is one revision of the history; a store
   * that was empty has none before `rev`.
   *
   * @returns As {@link apply} says.
   */
  replace(rev: bigint, nowMs: number): { error: unknown }[] {
    this.stage([]);
    const gone = this.#db.prepare<[], string>(
      'SELECT key FROM kv LEFT JOIN staged USING (key) WHERE staged.create_rev IS NOT kv.create_rev ORDER BY key',
    ).pluck().all();
    const made = this.#db.prepare<[], KvRow>(
      'SELECT staged.* FROM staged LEFT JOIN kv USING (key) WHERE kv.mod_rev IS NOT staged.mod_rev ORDER BY staged.mod_rev, key',
    ).all();
    const changes = [
      ...gone.map((key): StoreEvent => ({ type: 'delete', key, modRev: rev })),
      ...made.map(({ key, value, mod_rev }): StoreEvent => ({ type: 'put', key, value, modRev: BigInt(mod_rev) })),
    ];
    const isFirst = this.#rev === 0n;
    const setCreated = this.#db.prepare('UPDATE kv SET create_rev = ? WHERE key = ?');
    return this.#together(() => {
      const errors = this.#applyOne({ rev, atMs: nowMs, events: changes });
      for (const { key, create_rev } of made) setCreated.run(create_rev, key);
      this.#db.exec('DROP TABLE staged');
      if (isFirst) this.#forgetAll(rev);
      return errors;
    });
  }

  /** Deletes all leaderships: whoever held one has ended with the process that had the file before us. */
  endLeaderships(nowMs: number): void {
    const prefix = prefixOf('lead');
    const held = this.#db.prepare<[string, string | undefined], string>('SELECT key FROM kv WHERE key >= ? AND key < ?').pluck();
    this.#together(() => this.#deleteAll(held.all(prefix, prefixEnd(prefix)), nowMs));
  }

  /**
   * Moves the expiry of a key without writing it: being kept alive is no change.
   *
   * @returns Whether `key` was still as of `modRev`.
   */
  keepAlive(key: string, modRev: bigint, expireAtMs: number): boolean {
    return this.#keepAlive.run(expireAtMs, key, modRev).changes === 1;
  }

  /** Forgets history up to and including `rev`, a piece at a time. Returns whether there is more of it to delete. */
  compact(rev: bigint): boolean {
    this.#db.prepare(`UPDATE meta SET value = max(value, ?) WHERE name = 'compact_rev'`).run(rev);
    const gone = this.#db.prepare(
      'DELETE FROM event_log WHERE (rev, seq) IN (SELECT rev, seq FROM event_log WHERE rev <= ? ORDER BY rev, seq LIMIT ?)',
    );
    return gone.run(rev, FORGET_AT_ONCE).changes === FORGET_AT_ONCE;
  }

  /** Moves what readers no longer need from the log to the file. */
  checkpoint(): void {
    this.#db.pragma('wal_checkpoint(PASSIVE)');
  }

  #together<T>(work: () => T): T {
    const before = this.#rev;
    this.#begin.run();
    let committing = false;
    try {
      const done = work();
      if (this.#rev !== before) this.#setRev.run(this.#rev);
      committing = true;
      this.#commit.run();
      return done;
    } catch (cause) {
      this.#rev = before;
      if (this.#db.inTransaction) this.#db.exec('ROLLBACK');
      if (committing && isInputOutput(cause)) throw new CommitUncertain(`cannot tell whether the commit is on the disk: ${cause.message}`, { cause });
      throw cause;
    }
  }

  #tryAlone(transaction: Transaction, nowMs: number): Outcome {
    const before = this.#rev;
    try {
      return this.#alone(transaction, nowMs);
    } catch (error) {
      this.#rev = before;
      // SQLite gives up the whole batch for some errors, a full disk among them.
      if (!this.#db.inTransaction) throw error;
      return { error };
    }
  }

  #carryOut(transaction: Transaction, nowMs: number): TransactionResult {
    if (!transaction.if.every((compare) => this.#holds(compare))) {
      return { ok: false, rev: this.#rev, found: this.#read(transaction.elseGet ?? []) };
    }
    this.#append(transaction.then.map(toChange), nowMs);
    return { ok: true, rev: this.#rev, found: [] };
  }

  #holds(compare: Compare): boolean {
    const modRev = this.#modRev.get(compare.key);
    if ('absent' in compare) return modRev === undefined;
    if ('exists' in compare) return modRev !== undefined;
    return modRev !== undefined && BigInt(modRev) === compare.modRev;
  }

  #read(wanted: readonly string[]): StoreRecord[] {
    return wanted.flatMap((key) => {
      const row = this.#get.get(key);
      return row ? [toRecord(row)] : [];
    });
  }

  /** Makes the next revision of `changes`; none when they change nothing. */
  #append(changes: readonly Change[], atMs: number): void {
    const modRev = this.#rev + 1n;
    let seq = 0;
    for (const { key, value, expireAtMs } of changes) {
      const event: StoreEvent = value ? { type: 'put', key, value, modRev } : { type: 'delete', key, modRev };
      if (!this.#projector.apply(event, expireAtMs)) continue;
      this.#log.run(modRev, seq++, value ? 0 : 1, key, value ?? null, atMs);
    }
    if (seq > 0) this.#rev = modRev;
  }

  #applyOne({ rev, atMs, events }: AppliedRevision): { error: unknown }[] {
    const errors: { error: unknown }[] = [];
    let seq = 0;
    for (const event of events) {
      try {
        if (!this.#projector.apply(event)) continue;
      } catch (error) {
        // It is committed, whatever it holds; refusing it here would stop every replica for ever.
        errors.push({ error });
      }
      const isPut = event.value !== undefined;
      this.#log.run(rev, seq++, isPut ? 0 : 1, event.key, event.value ?? null, atMs);
    }
    this.#rev = rev;
    return errors;
  }

  #forgetAll(rev: bigint): void {
    this.#db.exec('DELETE FROM event_log');
    this.#db.prepare(`UPDATE meta SET value = ? WHERE name = 'compact_rev'`).run(rev);
  }

  #deleteAll(doomed: readonly string[], nowMs: number): void {
    this.#append(doomed.map((key) => ({ key })), nowMs);
  }
}

function toChange(operation: Transaction['then'][number]): Change {
  if ('del' in operation) return { key: operation.del };
  const { put: key, value, expireAtMs } = operation;
  return expireAtMs === undefined ? { key, value } : { key, value, expireAtMs };
}

function isInputOutput(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_IOERR');
}
