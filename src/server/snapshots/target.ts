/** Where snapshots are kept: a flat set of files. Every failure is a DomainError `snapshot_failed` that names the place. */
export interface SnapshotTarget {
  /** For people: a folder or an address. */
  readonly place: string;
  /** Stores the file at `path` under `name`; it is there whole or not at all. `sha256` is its hash, hex. */
  put(name: string, path: string, sha256: string): Promise<void>;
  /** The bytes stored under `name`; undefined when there are none. */
  get(name: string): Promise<AsyncIterable<Uint8Array> | undefined>;
  names(): Promise<readonly string[]>;
  /** Idempotent. */
  remove(name: string): Promise<void>;
}
