import type { Manifest } from '../snapshots/manifest.js';
import type { SqliteHealth } from '../store/sqlite-health.js';

/** One thing that was looked at. */
export interface StoreFinding {
  readonly check: 'store' | 'integrity' | 'schema' | 'log' | 'space' | 'disk' | 'latency' | 'snapshots' | 'journal' | 'member' | 'alarm' | 'version' | 'quota' | 'clock';
  readonly result: 'ok' | 'warn' | 'fail';
  readonly says: string;
  /** What to do about it; empty when nothing. */
  readonly mend: string;
}

/** What the machine shows of the folder that the store is in. */
export interface DiskFacts {
  readonly freeBytes: number;
  /** Of a small write that is forced to the disk: the middle of several, and the longest. */
  readonly syncMs: { readonly middle: number; readonly longest: number };
}

const MIB = 1024 * 1024;
/** The writer moves the log into the file long before. */
const LONG_LOG_BYTES = 256 * MIB;
const LITTLE_SPACE_BYTES = 512 * MIB;
/** A commit waits for it, and so does everybody who joins. */
const SLOW_SYNC_MS = 50;

/** What there is to say of the store's file. */
export function* fileFindings(health: SqliteHealth): Iterable<StoreFinding> {
  const { fileBytes, walBytes, unusedBytes, faults, schema, newestSchema, revision, keptRevisions, sqlite } = health;
  yield ok('store', `${mib(fileBytes)}, revision ${revision}, history of ${keptRevisions} revisions, SQLite ${sqlite}`);
  yield faults.length === 0
    ? ok('integrity', 'every page is as it should be')
    : { check: 'integrity', result: 'fail', says: `damaged: ${faults.join('; ')}`, mend: 'stop nc-server, move the db folder away, and restore the newest snapshot: ncadm snapshot restore' };
  if (schema === newestSchema) yield ok('schema', `version ${schema}`);
  else if (schema < newestSchema) yield { check: 'schema', result: 'warn', says: `version ${schema}; this program works with ${newestSchema}`, mend: 'the next start takes a snapshot and changes the tables' };
  else yield { check: 'schema', result: 'fail', says: `version ${schema}; this program knows ${newestSchema} at most`, mend: 'start the newer nc-server that wrote it' };
  yield walBytes <= LONG_LOG_BYTES
    ? ok('log', `${mib(walBytes)} of write-ahead log`)
    : { check: 'log', result: 'warn', says: `${mib(walBytes)} of write-ahead log: something reads the file without end`, mend: 'end other programs that have the file open, or restart nc-server' };
  yield unusedBytes <= Math.max(64 * MIB, fileBytes / 2)
    ? ok('space', `${mib(unusedBytes)} of the file are unused`)
    : { check: 'space', result: 'warn', says: `${mib(unusedBytes)} of ${mib(fileBytes)} are unused`, mend: 'stop nc-server and run: sqlite3 nc.db VACUUM' };
}

/** What there is to say of the disk below it. */
export function* diskFindings({ freeBytes, syncMs }: DiskFacts, fileBytes: number): Iterable<StoreFinding> {
  const wanted = Math.max(LITTLE_SPACE_BYTES, fileBytes);
  yield freeBytes >= wanted
    ? ok('disk', `${mib(freeBytes)} free`)
    : { check: 'disk', result: freeBytes < fileBytes / 10 ? 'fail' : 'warn', says: `${mib(freeBytes)} free, want ${mib(wanted)}`, mend: 'make room: without it nobody can join, and no snapshot be taken' };
  yield syncMs.middle <= SLOW_SYNC_MS
    ? ok('latency', `a write reaches the disk in ${syncMs.middle.toFixed(1)} ms, at most ${syncMs.longest.toFixed(1)} ms`)
    : { check: 'latency', result: 'warn', says: `a write reaches the disk in ${syncMs.middle.toFixed(1)} ms, at most ${syncMs.longest.toFixed(1)} ms`, mend: 'put workDir on a faster disk: every change waits for it' };
}

/** What there is to say of the snapshots. @param everyMs 0 when none are taken by themselves. */
export function snapshotFinding(newest: Pick<Manifest, 'name' | 'createdAtMs'> | undefined, everyMs: number, nowMs: number): StoreFinding {
  if (newest === undefined) return { check: 'snapshots', result: 'warn', says: 'there is none', mend: 'ncadm snapshot save' };
  const { name, createdAtMs } = newest;
  if (createdAtMs > nowMs + 60_000) return { check: 'snapshots', result: 'warn', says: `${name} was taken in the future`, mend: 'set the clock: everything that expires goes by it' };
  const late = everyMs > 0 && nowMs - createdAtMs > 2 * everyMs;
  return late ? { check: 'snapshots', result: 'warn', says: `the newest is ${name}, older than it should be`, mend: 'look for "no snapshot taken" in the log' } : ok('snapshots', `the newest is ${name}`);
}

/** What there is to say of the journal of revocations. */
export function journalFinding(isThere: boolean): StoreFinding {
  return isThere
    ? ok('journal', 'revocations are written down beside the store')
    : { check: 'journal', result: 'warn', says: 'there is no journal of revocations', mend: 'start nc-server, which begins one; it lets a restore keep revoked nodes out' };
}

/** A finding with nothing to mend. */
export function ok(check: StoreFinding['check'], says: string): StoreFinding {
  return { check, result: 'ok', says, mend: '' };
}

/** Bytes for people, in MiB. */
export function mib(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`;
}
