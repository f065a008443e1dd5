import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { CertificateRecord_State } from '../../gen/networkcontroller/store/v1/records.js';
import type { Log } from '../../platform/log.js';
import { kindOf } from '../store/keys.js';
import type { AppliedRevision, Repository } from '../store/local-view.js';
import { decodeRecord, pathOf } from '../store/records.js';

/**
 * A line of the journal. `since` begins to cover a cluster's revisions from there on, without gap until the next `since`; `through` says
 * that there is nothing to tell up to there. A node has ended, its keys for good when `revoked`; a record was written that a restore must not
 * undo.
 */
export type JournalLine = { readonly cluster: string; readonly epoch: string; readonly rev: string } & (
  | { readonly since: true }
  | { readonly through: true }
  | { readonly node: string; readonly revoked: boolean; readonly at: string }
  | { readonly key: string; readonly value: string; readonly at: string }
);

/** How far the log is read at a time to catch up. */
const BATCH = 5_000;

/**
 * Writes down, beside the store and forced to the disk, whatever ends: nodes, certificates, API tokens; and what only grows: CAs,
 * trust bundles, the revocation list. A restore puts it on top of the snapshot, so that what ended after it stays ended.
 *
 * It is written before whoever asked for the end is answered.
 */
export class RevocationJournal {
  readonly #repository: Repository;
  readonly #file: number;
  readonly #log: Log;
  readonly #cluster: { readonly cluster: string; readonly epoch: string };
  readonly #unsubscribe: () => void;
  #rev: bigint;
  /** A write has failed, so that the store's log is to be read again from there. */
  #behind = true;

  /**
   * Opens the journal at `path` (0600), catches up with what the store did while it was not written, and follows.
   *
   * @throws Error of the file system.
   */
  constructor(path: string, deps: { repository: Repository; clusterId: string; epoch: string; log: Log }) {
    this.#repository = deps.repository;
    this.#log = deps.log;
    this.#cluster = { cluster: deps.clusterId, epoch: deps.epoch };
    this.#file = openSync(path, 'a+', 0o600);
    const last = lastRevision(readJournal(path), this.#cluster);
    this.#rev = last ?? 0n;
    if (last === undefined || last + 1n < deps.repository.view.oldestRev) this.#begin();
    this.#catchUp();
    this.#unsubscribe = deps.repository.onApplied((revision) => this.#follow(revision));
  }

  /** Notes how far it has come, so that the next start need not look further back. */
  stop(): void {
    this.#unsubscribe();
    this.#append([{ ...this.#at(this.#rev), through: true }]);
    closeSync(this.#file);
  }

  #begin(): void {
    this.#rev = this.#repository.view.rev;
    this.#append([{ ...this.#at(this.#rev), since: true }]);
  }

  #follow(revision: AppliedRevision): void {
    if (this.#behind) return this.#catchUp();
    this.#attempt(() => this.#take([revision]));
  }

  #catchUp(): void {
    const { view } = this.#repository;
    this.#attempt(() => {
      while (this.#rev < view.rev) {
        const revisions = view.revisionsFrom(this.#rev + 1n, BATCH);
        if (revisions === undefined) return this.#begin();
        if (revisions.length === 0) return;
        this.#take(revisions);
      }
    });
  }

  #attempt(work: () => void): void {
    try {
      work();
      this.#behind = false;
    } catch (error) {
      this.#behind = true;
      this.#log.error('revocations not written to their journal, a restore may undo them; tried again with the next change', { error });
    }
  }

  #take(revisions: readonly AppliedRevision[]): void {
    this.#append(revisions.flatMap((revision) => this.#linesOf(revision)));
    this.#rev = revisions.at(-1)?.rev ?? this.#rev;
  }

  #linesOf(revision: AppliedRevision): JournalLine[] {
    const at = { ...this.#at(revision.rev), at: new Date(revision.atMs).toISOString() };
    const freed = revision.events.some(({ type, key }) => type === 'delete' && kindOf(key) === 'wireguardKey');
    return revision.events.flatMap(({ key, value }): JournalLine[] => {
      const kind = kindOf(key);
      if (value === undefined) return kind === 'node' ? [{ ...at, node: pathOf(key, kind).at(-1) ?? '', revoked: !freed }] : [];
      const lasts =
        kind === 'ca' || kind === 'bundle' || kind === 'crl' ||
        (kind === 'certificate' && decodeRecord(kind, key, value).state === CertificateRecord_State.STATE_REVOKED) ||
        (kind === 'apiToken' && decodeRecord(kind, key, value).revokedAtMs > 0);
      return lasts ? [{ ...at, key, value: Buffer.from(value).toString('base64') }] : [];
    });
  }

  #at(rev: bigint): { cluster: string; epoch: string; rev: string } {
    return { ...this.#cluster, rev: rev.toString() };
  }

  #append(lines: readonly JournalLine[]): void {
    if (lines.length === 0) return;
    // Begins with a newline too: what a crash has cut short must not swallow the line after it.
    writeSync(this.#file, `\n${lines.map((line) => JSON.stringify(line)).join('\n')}\n`);
    fsyncSync(this.#file);
  }
}

/** The lines of a journal. One that was being written when the power failed is left out: nobody was told of what it says. */
export function readJournal(path: string): JournalLine[] {
  return readFileSync(path, 'utf8').split('\n').flatMap((text) => {
    try {
      return text === '' ? [] : [JSON.parse(text) as JournalLine];
    } catch {
      return [];
    }
  });
}

function lastRevision(lines: readonly JournalLine[], of: { cluster: string; epoch: string }): bigint | undefined {
  const own = lines.filter((line) => line.cluster === of.cluster && line.epoch === of.epoch);
  const last = own.at(-1);
  return last === undefined ? undefined : BigInt(last.rev);
}
