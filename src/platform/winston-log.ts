import colors from 'picocolors';
import winston from 'winston';
import { DailyFile } from './daily-file.js';
import type { Log, LogFields } from './log.js';
import { redact, redactText } from './redact.js';

/** Where and how much a program logs. */
export interface LogOptions {
  /** The program, `nc-server`: files are named `nc-server-log_2026-01-31.log`. */
  readonly program: string;
  /** Folder of the daily files; without one everything goes to the console. */
  readonly dir?: string | undefined;
  /** Also writes debug lines. */
  readonly debug?: boolean;
  /** The console; standard error for programs whose standard output is an answer. */
  readonly console?: NodeJS.WriteStream;
}

/** A log that must be closed so that its last lines reach the disk. */
export interface ProgramLog extends Log {
  /** Writes what is pending; resolves when it is in the file. Idempotent. */
  close(): Promise<void>;
}

const KEEP = '7d';

/**
 * Opens a program's log: JSON lines in one file a day (UTC), seven days kept, `<program>-log.log` a link to the
 * newest, and readable lines on a terminal. Join strings, node tokens, private keys and bytes never reach any of them.
 */
export function openLog(options: LogOptions): ProgramLog {
  const console = options.console ?? process.stdout;
  const file = options.dir === undefined ? undefined : dailyFile(options.program, options.dir, console);
  const shown = shownOn(console, file !== undefined);
  const write =
    (level: Level) =>
    (message: string, fields?: LogFields): void => {
      file?.write(jsonLine(level, message, fields));
      // What is wrong may be the last that a program says.
      if (level === 'warn' || level === 'error') file?.flush();
      shown?.log({ level, message, fields });
    };
  let closed: Promise<void> | undefined;
  return {
    debug: options.debug === true ? write('debug') : () => {},
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    close: () => (closed ??= close(shown, file)),
  };
}

type Level = keyof typeof COLOURS;

/** JSON on a console that is no terminal, so that a supervisor can read it; nothing when the file has it already. */
function shownOn(stream: NodeJS.WriteStream, hasFile: boolean): winston.Logger | undefined {
  if (!stream.isTTY && hasFile) return undefined;
  return winston.createLogger({ level: 'debug', transports: [new winston.transports.Stream({ stream, format: stream.isTTY ? READABLE : JSON_LINES })] });
}

function dailyFile(program: string, dir: string, console: NodeJS.WriteStream): DailyFile {
  // The console is the only place left to say that the disk is full.
  const onFailure = (error: Error): void => void console.write(`${program}: log file: ${error.message}\n`);
  return new DailyFile({ name: `${program}-log`, dir, keep: KEEP, onFailure });
}

async function close(shown: winston.Logger | undefined, file: DailyFile | undefined): Promise<void> {
  if (shown !== undefined) await new Promise<void>((resolve) => shown.once('finish', resolve).end());
  await file?.close();
}

function jsonLine(level: string, message: unknown, fields: unknown): string {
  return JSON.stringify({ time: new Date().toISOString(), level, message: redactText(String(message)), ...(redact(fields) as object) });
}

const JSON_LINES = winston.format.printf(({ level, message, fields }) => jsonLine(level, message, fields));

const COLOURS = { debug: colors.dim, info: colors.cyan, warn: colors.yellow, error: colors.red } as const;

const READABLE = winston.format.printf(({ level, message, fields }) => {
  const facts = Object.entries((redact(fields) ?? {}) as object).map(([key, value]) => `${colors.dim(`${key}=`)}${readable(value)}`);
  const colour = COLOURS[level as keyof typeof COLOURS] ?? String;
  return [colors.dim(new Date().toISOString().slice(11, 23)), colour(level.padEnd(5)), redactText(String(message)), ...facts].join(' ');
});

/** Errors keep their lines on a terminal; everything else is one word or JSON. */
function readable(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  return 'stack' in value && typeof value.stack === 'string' ? value.stack : JSON.stringify(value);
}
