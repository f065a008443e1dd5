import colors from 'picocolors';
import winston from 'winston';
import type DailyRotateFile from 'winston-daily-rotate-file';
import { endDailyFile, openDailyFile } from './daily-file.js';
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
  const logger = winston.createLogger({
    level: options.debug === true ? 'debug' : 'info',
    transports: [...(file === undefined ? [] : [file]), ...consoleTransports(console, file !== undefined)],
  });
  const write =
    (level: string) =>
    (message: string, fields?: LogFields): void =>
      void logger.log({ level, message, fields });
  let closed: Promise<void> | undefined;
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    close: () => (closed ??= close(logger, file)),
  };
}

/** JSON on a console that is no terminal, so that a supervisor can read it; nothing when the file has it already. */
function consoleTransports(stream: NodeJS.WriteStream, hasFile: boolean): winston.transport[] {
  if (!stream.isTTY && hasFile) return [];
  return [new winston.transports.Stream({ stream, format: stream.isTTY ? READABLE : JSON_LINES })];
}

function dailyFile(program: string, dir: string, console: NodeJS.WriteStream): DailyRotateFile {
  // The console is the only place left to say that the disk is full.
  const onFailure = (error: Error): void => void console.write(`${program}: log file: ${error.message}\n`);
  return openDailyFile({ name: `${program}-log`, dir, format: JSON_LINES, keep: KEEP, onFailure });
}

async function close(logger: winston.Logger, file: DailyRotateFile | undefined): Promise<void> {
  await new Promise<void>((resolve) => logger.once('finish', resolve).end());
  if (file !== undefined) await endDailyFile(file);
}

const JSON_LINES = winston.format.printf(({ level, message, fields }) =>
  JSON.stringify({ time: new Date().toISOString(), level, message: redactText(String(message)), ...(redact(fields) as object) }),
);

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
