import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logform } from 'winston';
import DailyRotateFile from 'winston-daily-rotate-file';

/** A file of lines that begins anew each day (UTC). */
export interface DailyFileOptions {
  /** Files are named `<name>_2026-01-31.log`, `<name>.log` is a link to the newest. */
  readonly name: string;
  readonly dir: string;
  readonly format: Logform.Format;
  /** How many files are kept, or for how many days: `7d`. */
  readonly keep: string | number;
  /** A file that has grown so large is followed by another of the same day: `16m`. */
  readonly maxSize?: string;
  /** Told why a line could not be written: a full disk must not end a program. */
  readonly onFailure: (error: Error) => void;
}

/** Opens the file of today, 0640 in a folder 0750, and removes those that are too many. */
export function openDailyFile({ name, dir, format, keep, maxSize, onFailure }: DailyFileOptions): DailyRotateFile {
  mkdirSync(dir, { recursive: true, mode: 0o750 });
  const file = new DailyRotateFile({
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
    format,
  });
  file.logStream.on('error', onFailure);
  return file;
}

/** Ends a file once all its lines are in it: its own stream ends after winston's, which only hands lines over. */
export function endDailyFile(file: DailyRotateFile): Promise<void> {
  return new Promise((resolve) => file.logStream.end(() => resolve()));
}
