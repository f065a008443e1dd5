/**
 * The storage boundary: a revisioned record store. Two drivers keep it: SQLite in this process, etcd beside it.
 *
 * A transaction is data, never a callback, because an engine on the network cannot hold one open, and because
 * callers that wait together can then share one fsync.
 */

/** One record as stored. */
export interface StoreRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRev: bigint;
  readonly modRev: bigint;
}

/** A condition of a transaction on one key. */
export type Compare =
  | { readonly key: string; readonly absent: true }
  | { readonly key: string; readonly exists: true }
  | { readonly key: string; readonly modRev: bigint };

/**
 * A write. `expireAtMs` (UTC ms) asks the store to delete the key some time after that moment: tidying only, so
 * whoever depends on a time keeps it in the value too.
 */
export type Operation =
  | { readonly put: string; readonly value: Uint8Array; readonly expireAtMs?: number }
  | { readonly del: string };

/** At most 120 operations; no key is written twice. */
export interface Transaction {
  readonly if: readonly Compare[];
  readonly then: readonly Operation[];
  /** Keys to read and return when a compare fails. */
  readonly elseGet?: readonly string[];
}

/** `rev` is the revision of the writes when `ok` and something was written, else the store's revision. */
export interface TransactionResult {
  readonly ok: boolean;
  readonly rev: bigint;
  readonly found: readonly StoreRecord[];
}

/** One change of a revision. */
export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** The new value; absent for a delete. */
  readonly value?: Uint8Array;
  readonly modRev: bigint;
}

/** `events` carries all changes of one revision, in the order they were written. */
export type WatchMessage =
  | { readonly kind: 'events'; readonly rev: bigint; readonly atMs: number; readonly events: readonly StoreEvent[] }
  | { readonly kind: 'progress'; readonly rev: bigint }
  | { readonly kind: 'compacted'; readonly rev: bigint };

/** A subscription; `close` is idempotent and no message follows it. */
export interface StoreWatch {
  close(): void;
}

/** Being the one that runs a singleton job. `fence` belongs into the `if` of every write made as leader. */
export interface Leadership {
  readonly fence: Compare;
  /** Whether it stands for certain: no longer from two seconds before somebody else could have it, going by a clock that nobody sets. */
  isHeld(): boolean;
  /** Resolves when the leadership is over, lost or given up. */
  readonly lost: Promise<void>;
  resign(): Promise<void>;
}

/** Keys that stand for as long as somebody renews them. */
export interface Lease {
  /** Writes a key, which goes with the lease. @throws UnknownOutcome, DomainError `store_failed`. */
  put(key: string, value: Uint8Array): Promise<void>;
  /** Lets it last for its full time again; tells whether it was still there. @throws DomainError `store_failed`. */
  renew(): Promise<boolean>;
  /** Ends it, and its keys with it. @throws DomainError `store_failed`. */
  end(): Promise<void>;
}

/**
 * Raised when a transaction was sent and nobody can tell whether it was committed. Never retry blindly: re-read
 * and look for your own request.
 */
export class UnknownOutcome extends Error {
  override readonly name = 'UnknownOutcome';
}

/** How to read a list. */
export interface ListOptions {
  readonly pageSize?: number;
  readonly onRevision?: (rev: bigint) => void;
}

/** The record store. All reads of one store are monotonic. */
export interface Store {
  /**
   * Commits `transaction` if all its compares hold. Resolves once it is durable.
   *
   * @throws UnknownOutcome when sent and not answered; DomainError `store_failed` when certainly not committed.
   */
  txn(transaction: Transaction, options?: { deadlineMs?: number }): Promise<TransactionResult>;
  get(key: string, options?: { linearizable?: boolean }): Promise<StoreRecord | undefined>;
  /** All records under `prefix` in key order, in pages, at one revision, which `onRevision` is told before the first page. */
  list(prefix: string, options?: ListOptions): AsyncIterable<readonly StoreRecord[]>;
  /**
   * Delivers every revision from `fromRev` on that touches `prefix`: whole, in order, without gap. Says
   * `compacted` once and ends when `fromRev` is no longer kept.
   */
  watch(prefix: string, fromRev: bigint, listener: (message: WatchMessage) => void): StoreWatch;
  /** The newest revision, read linearizably. */
  currentRev(): Promise<bigint>;
  /** Waits until this caller leads `role`; `id` names the caller. */
  campaign(role: string, id: string, ttlSeconds: number): Promise<Leadership>;
  /** Forgets the history up to and including `rev`. Records stay. */
  compact(rev: bigint): Promise<void>;
  close(): Promise<void>;
}
