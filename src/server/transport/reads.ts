import type { Metadata } from '@grpc/grpc-js';
import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import { CONSISTENT_KEY, EPOCH_KEY, MIN_REVISION_KEY, REVISION_KEY, STALE_MS_KEY } from '../../platform/rpc-metadata.js';

/** How new what this server reads is, and how to make it newer. */
export interface Reads {
  /** Revisions of another epoch mean nothing. */
  readonly epoch: string;
  /** The revision that is read. */
  rev(): bigint;
  /** By how many milliseconds it may be behind. */
  staleMs(): number;
  /** The newest revision there is, asked of those who know. */
  currentRev(): Promise<bigint>;
  /** Resolves once {@link rev} is there. */
  reached(rev: bigint): Promise<void>;
  readonly clock: Clock;
}

/** Whoever waits longer is better served by another server. */
const PATIENCE_MS = 2_000;

/**
 * Waits until this server's view is as new as the caller's metadata wants it.
 *
 * @throws DomainError `epoch_mismatch`, `invalid_argument`; `unavailable` when it does not become so in time; `store_failed` when nobody
 *   can tell what the newest is.
 */
export async function catchUp(reads: Reads, wanted: Metadata): Promise<void> {
  const [epoch] = wanted.get(EPOCH_KEY);
  if (epoch !== undefined && epoch !== reads.epoch) {
    throw new DomainError('epoch_mismatch', `${EPOCH_KEY}: want ${reads.epoch}, got ${JSON.stringify(epoch)}; the cluster was restored since, read again from the start`);
  }
  const [least] = wanted.get(MIN_REVISION_KEY);
  if (least !== undefined) await reach(reads, parseRevision(String(least)));
  const [consistent] = wanted.get(CONSISTENT_KEY);
  if (consistent === undefined) return;
  if (consistent !== 'true') throw new DomainError('invalid_argument', `${CONSISTENT_KEY}: want "true" or nothing, got ${JSON.stringify(consistent)}`);
  await reach(reads, await reads.currentRev());
}

/** Adds to the trailing metadata what the answer is worth. */
export function tellRead(reads: Reads, trailer: Metadata): void {
  trailer.set(EPOCH_KEY, reads.epoch);
  trailer.set(REVISION_KEY, reads.rev().toString());
  trailer.set(STALE_MS_KEY, String(Math.round(reads.staleMs())));
}

/** Waits until the view is at `rev`. @throws DomainError `unavailable` when it does not get there in time. */
export async function reach(reads: Pick<Reads, 'rev' | 'reached' | 'clock'>, rev: bigint): Promise<void> {
  if (reads.rev() >= rev) return;
  let cancel = (): void => {};
  const tooLate = new Promise<never>((_, reject) => {
    cancel = reads.clock.after(PATIENCE_MS, () => {
      reject(new DomainError('unavailable', `read: want revision ${rev}, but this server is at ${reads.rev()} and did not get there in ${PATIENCE_MS} ms; ask another one`));
    });
  });
  await Promise.race([reads.reached(rev), tooLate]).finally(cancel);
}

function parseRevision(text: string): bigint {
  if (/^\d{1,19}$/.test(text)) return BigInt(text);
  throw new DomainError('invalid_argument', `${MIN_REVISION_KEY}: want a revision in decimal digits, got ${JSON.stringify(text)}`);
}
