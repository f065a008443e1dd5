import { DailyFile } from './daily-file.js';

/** A file of JSON objects, one a line. */
export interface JsonLines {
  write(record: object): void;
  /** Writes what is pending; resolves when it is in the file. Idempotent. */
  close(): Promise<void>;
}

/** At most 2 GiB in all, and more than a quarter of a year where there is little to write. */
const BOUNDS = { maxSize: '16m', keep: 128 } as const;

/**
 * Opens `<name>.log` in `dir`: one file a day or each 16 MiB, the newest 128 kept. Records are written as they are; what is secret
 * must not be in them.
 */
export function openJsonLines({ name, dir, onFailure }: { readonly name: string; readonly dir: string; readonly onFailure: (error: Error) => void }): JsonLines {
  const file = new DailyFile({ name, dir, ...BOUNDS, onFailure });
  return {
    write: (record) => file.write(JSON.stringify(record)),
    close: () => file.close(),
  };
}
