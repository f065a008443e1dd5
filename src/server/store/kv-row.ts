import type { StoreRecord } from './store.js';

/** A row of `kv`. */
export interface KvRow {
  readonly key: string;
  readonly value: Buffer;
  readonly create_rev: number;
  readonly mod_rev: number;
}

/** A record as the store gives it, from its row. */
export function toRecord(row: KvRow): StoreRecord {
  return { key: row.key, value: row.value, createRev: BigInt(row.create_rev), modRev: BigInt(row.mod_rev) };
}
