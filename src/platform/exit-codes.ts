import { DomainError } from '../domain/errors.js';
import type { OutputFormat, Terminal } from './output.js';
import { redactText } from './redact.js';

/** How a command may end. */
export const EXIT = { done: 0, refused: 1, usage: 2, unreachable: 3 } as const;

/** One of the values of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The exit code that an error means: nobody answered, a file says what makes no sense, or somebody said no. */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof DomainError)) return EXIT.refused;
  if (error.code === 'unavailable' || error.code === 'timeout') return EXIT.unreachable;
  return error.code === 'config_invalid' ? EXIT.usage : EXIT.refused;
}

/** An error as a command tells it. */
export interface ErrorReport {
  /** The program's name, which begins the line. */
  readonly program: string;
  readonly format: OutputFormat;
  readonly error: unknown;
  /** The next step for whoever reads it. */
  readonly hint?: string | undefined;
}

/**
 * Prints an error on stderr: `ncadm: token_unknown: …` and a line with the hint, or `{"error":{code,message,hint}}` for programs.
 *
 * An error that is not a `DomainError` is a bug of ours: its message is shown, under the code `internal`.
 */
export function reportError(terminal: Terminal, { program, format, error, hint }: ErrorReport): void {
  const code = error instanceof DomainError ? error.code : 'internal';
  // A message may quote what was given in the wrong place, a join string for a name.
  const message = redactText(error instanceof Error ? error.message : String(error));
  if (format === 'json' || format === 'yaml') {
    terminal.stderr.write(`${JSON.stringify({ error: { code, message, ...(hint && { hint }) } })}\n`);
    return;
  }
  terminal.stderr.write(`${program}: ${code}: ${message}\n`);
  if (hint) terminal.stderr.write(`  ${hint}\n`);
}
