import { readFile } from 'node:fs/promises';
import { watch } from 'node:fs';
import { dirname } from 'node:path';
import type { AddedRecord } from '../../domain/dns-records.js';
import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import { parseRecordsFile, type RecordSurroundings } from '../../platform/config/records-file.js';
import type { Log } from '../../platform/log.js';

/** An editor writes a file in several steps; it is read when they are over. */
const SETTLE_MS = 100;

/** What {@link RecordsFile} works with. */
interface Deps {
  /** Absolute. */
  readonly path: string;
  readonly surroundings: RecordSurroundings;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * The records of a file that somebody else writes. They are replaced as a whole: a file that is wrong, or away for a
 * moment, leaves the records before it.
 */
export class RecordsFile {
  readonly #deps: Deps;
  readonly #listeners = new Set<(records: readonly AddedRecord[]) => void>();
  readonly #watcher: { close(): void };
  #records: readonly AddedRecord[] = [];
  #text: string | undefined;
  #cancelReload = (): void => {};

  private constructor(deps: Deps) {
    this.#deps = deps;
    this.#watcher = watchFolder(deps, () => this.#settle());
  }

  /** Reads the file, which may come later. @throws DomainError `config_invalid` when it is wrong, or its folder is not there. */
  static async open(deps: Deps): Promise<RecordsFile> {
    const file = new RecordsFile(deps);
    try {
      await file.#read();
      return file;
    } catch (error) {
      file.stop();
      throw error;
    }
  }

  get records(): readonly AddedRecord[] {
    return this.#records;
  }

  /** Calls `listener` with all records after each change. */
  onChange(listener: (records: readonly AddedRecord[]) => void): void {
    this.#listeners.add(listener);
  }

  stop(): void {
    this.#cancelReload();
    this.#watcher.close();
  }

  #settle(): void {
    this.#cancelReload();
    this.#cancelReload = this.#deps.clock.after(SETTLE_MS, () => void this.#reload());
  }

  async #reload(): Promise<void> {
    const { path, log } = this.#deps;
    try {
      if (!(await this.#read())) return;
      log.info('records file read', { path, records: this.#records.length });
      for (const listener of this.#listeners) listener(this.#records);
    } catch (error) {
      log.error('records file is wrong; the records before it stay', { path, error });
    }
  }

  /** @returns Whether there is anything new. */
  async #read(): Promise<boolean> {
    const { path, surroundings, log } = this.#deps;
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw new DomainError('config_invalid', `${path}: cannot be read: ${error.message}`, { cause: error });
      log.warn('records file is not there; the records before it stay', { path });
      return undefined;
    });
    if (text === undefined || text === this.#text) return false;
    this.#text = text;
    this.#records = parseRecordsFile(text, path, surroundings);
    return true;
  }
}

/** The folder, and not the file: a file that is replaced is another one, and its watcher hears nothing more. */
function watchFolder({ path, log }: Deps, onChange: () => void): { close(): void } {
  try {
    return watch(dirname(path), { persistent: false }, onChange).on('error', (error) => log.error('records file is no longer watched', { path, error }));
  } catch (cause) {
    throw new DomainError('config_invalid', `dns.recordsFile: want a file in a folder that is there, got ${path}`, { cause });
  }
}
