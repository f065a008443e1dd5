import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import DailyRotateFile from 'winston-daily-rotate-file';

/** A file of lines that begins anew each day (UTC). */
export interface DailyFileOptions {
  /** Files are named `<name>_2026-01-31.log`, `<name>.log` is a link to the newest. */
  readonly name: string;
  readonly dir: string;
  /** How many files are kept, or for how many days: `7d`. */
  readonly keep: string | number;
  /** A file that has grown so large is followed by another of the same day: `16m`. */
  readonly maxSize?: string;
  /** Told why a line could not be written: a full disk must not end a program. */
  readonly onFailure: (error: Error) => void;
}

/**
 * Writes lines to the file of today, 0640 in a folder 0750, and removes files that are too many.
 *
 * Lines of one turn of the event loop are one write: a write of its own costs a line more than all that made it.
 */
export class DailyFile {
  readonly #stream: Pick<NodeJS.WritableStream, 'on' | 'write' | 'end'>;
  #lines: string[] = [];
  #ended: Promise<void> | undefined;

  constructor({ name, dir, keep, maxSize, onFailure }: DailyFileOptions) {
    mkdirSync(dir, { recursive: true, mode: 0o750 });
    this.#stream = new DailyRotateFile({
      dirname: dir,
      filename: `${name}_%DATE%.log`,
      datePattern: 'YYYY-MM-DD',
      utc: true,
      maxFiles: keep,
      ...(maxSize !== undefined && { maxSize }),
      createSymlink: true,
      symlinkName: `${name}.log`,
      auditFile: join(dir, `.${name}.json`),
      options: { flags: 'a', mode: 0o640 },
    }).logStream;
    this.#stream.on('error', onFailure);
  }

  /** Writes `line` with those of this turn. */
  write(line: string): void {
    if (this.#lines.push(line) === 1) setImmediate(() => this.flush());
  }

  /** Writes now what waits for the end of the turn. */
  flush(): void {
    if (this.#lines.length === 0) return;
    this.#stream.write(`${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  /** Writes what waits; resolves once all of it is in the file. Takes no lines afterwards. Idempotent. */
  close(): Promise<void> {
    return (this.#ended ??= this.#end());
  }

  #end(): Promise<void> {
    this.flush();
    return new Promise((resolve) => this.#stream.end(() => resolve()));
  }
}
