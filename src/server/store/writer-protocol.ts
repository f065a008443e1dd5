import { DomainError } from '../../domain/errors.js';
import { CommitUncertain, type Outcome } from './ledger.js';
import type { AppliedRevision } from './local-view.js';
import { UnknownOutcome, type StoreRecord, type Transaction, type TransactionResult } from './store.js';

/** What the writer's thread is started with. */
export interface WriterData {
  readonly file: string;
  readonly nowMs: number;
  /** Whether the file only follows revisions that are ordered elsewhere. */
  readonly follows: boolean;
}

/** What the writer is asked for, one at a time. */
export type WriterRequest =
  | { readonly kind: 'commit'; readonly transactions: readonly Transaction[]; readonly nowMs: number }
  | { readonly kind: 'expire'; readonly nowMs: number }
  | { readonly kind: 'keepAlive'; readonly key: string; readonly modRev: bigint; readonly expireAtMs: number }
  | { readonly kind: 'compact'; readonly rev: bigint }
  /** Whole revisions that were committed elsewhere; `rev` is where that then stands. */
  | { readonly kind: 'apply'; readonly revisions: readonly AppliedRevision[]; readonly rev: bigint }
  /** Some of all records as they are elsewhere, set aside until `replace`. */
  | { readonly kind: 'stage'; readonly records: readonly StoreRecord[] }
  | { readonly kind: 'replace'; readonly rev: bigint; readonly nowMs: number }
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'close' };

/** An error on its way between threads, which keep only the message of one. */
export interface SentError {
  readonly message: string;
  /** Nobody can tell whether the write happened. */
  readonly uncertain: boolean;
}

/** What became of one transaction. */
export type SentOutcome = TransactionResult | { readonly error: SentError };

/** Where the store stands after a request. */
export interface WriterState {
  readonly rev: bigint;
  readonly nextExpiryMs: number | undefined;
  readonly walBytes: number;
}

/** The answer to a request, or the first message of all. */
export type WriterReply =
  | { readonly kind: 'done'; readonly state: WriterState; readonly outcomes: readonly SentOutcome[] }
  /** `keepAlive`: whether the key was there; `compact`: whether there is more to do. */
  | { readonly kind: 'answer'; readonly yes: boolean }
  | { readonly kind: 'failed'; readonly error: SentError };

/** Prepares an error for the other thread. */
export function sendError(error: unknown): SentError {
  return { message: error instanceof Error ? error.message : String(error), uncertain: error instanceof CommitUncertain };
}

/** Prepares an outcome for the other thread. */
export function sendOutcome(outcome: Outcome): SentOutcome {
  return 'error' in outcome ? { error: sendError(outcome.error) } : outcome;
}

/** Makes an error of the other thread one of this. */
export function receiveError({ message, uncertain }: SentError): UnknownOutcome | DomainError {
  return uncertain ? new UnknownOutcome(message) : new DomainError('store_failed', message);
}
