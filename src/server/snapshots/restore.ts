import { existsSync } from 'node:fs';
import { DomainError } from '../../domain/errors.js';
import type { SnapshotHeader } from '../../gen/networkcontroller/store/v1/snapshot.js';
import type { Store } from '../store/store.js';
import { endsSince, NO_ENDS, type EndsSince } from './ends-since.js';
import { fillStore, type Filled } from './fill-store.js';
import type { KeyAndValue } from './record-digest.js';
import { restoredRecords, type RestoreChanges } from './restored-records.js';
import { readJournal } from './revocation-journal.js';
import { readSealedFile } from './sealed-file.js';
import { decodeSnapshot, type SnapshotSummary } from './snapshot-format.js';
import { readWhole } from './snapshots.js';

/** What is restored, and from what. */
export interface RestoreRequest {
  /** The snapshot, a local file. */
  readonly path: string;
  readonly key: Buffer | undefined;
  /** The journal of revocations; it need not be there. */
  readonly journal: string;
  /** Restores also when it cannot be told what was revoked after the snapshot. */
  readonly acceptUnknownRevocations: boolean;
  /** UTC ms. */
  readonly nowMs: number;
}

/** What a restore has done, for the operator to read. */
export interface RestoreReport extends Filled, RestoreChanges {
  readonly snapshot: SnapshotSummary;
  /** Whether all that ended after the snapshot is known to have stayed so. */
  readonly revocationsKnown: boolean;
  /** Up to when the journal tells of something, UTC ms; 0 for nothing. */
  readonly journalLastMs: number;
}

/**
 * Makes a snapshot's cluster again in an empty store.
 *
 * The snapshot is read to its end before the first record is written, so one that is damaged changes nothing.
 *
 * @throws DomainError `snapshot_invalid`, `revocations_unknown`, `store_not_empty`, `store_failed`.
 */
export async function restore(store: Store, request: RestoreRequest): Promise<RestoreReport> {
  const snapshot = await readWhole(request.path, request.key);
  const ends = knownEnds(request, snapshot);
  const changes: RestoreChanges = { nodesEnded: [], tokensRevoked: 0, certificatesRevoked: 0, apiTokensRevoked: 0 };
  const records = restoredRecords(recordsIn(request), ends ?? NO_ENDS, request.nowMs, changes);
  const filled = await fillStore(store, `snapshot of revision ${snapshot.revision}`, records, request.nowMs);
  return { ...filled, ...changes, snapshot, revocationsKnown: ends !== undefined, journalLastMs: ends?.lastMs ?? 0 };
}

function knownEnds({ journal, acceptUnknownRevocations }: RestoreRequest, snapshot: SnapshotHeader): EndsSince | undefined {
  try {
    if (!existsSync(journal)) throw new DomainError('revocations_unknown', `journal: want the one of cluster ${snapshot.clusterId}, and there is none at ${journal}`);
    return endsSince(readJournal(journal), snapshot);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (acceptUnknownRevocations) return undefined;
    const taken = new Date(snapshot.createdAtMs).toISOString();
    throw new DomainError('revocations_unknown', `${error.message}. Whatever was revoked after ${taken} would come back: give the journal with --journal, or accept that with --accept-unknown-revocations and revoke it again`, { cause: error });
  }
}

async function* recordsIn({ path, key }: RestoreRequest): AsyncGenerator<KeyAndValue> {
  for await (const part of decodeSnapshot(readSealedFile(path, key))) if ('record' in part) yield part.record;
}
