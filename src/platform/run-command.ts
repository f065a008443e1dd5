import { Command, CommanderError, Option } from 'commander';
import { DomainError } from '../domain/errors.js';
import { EXIT, exitCodeOf, reportError, type ExitCode } from './exit-codes.js';
import { Output, OUTPUT_FORMATS, type OutputFormat, type Terminal } from './output.js';

/** The streams of one run of a program; `process` is one. */
export interface CommandIo extends Terminal {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
}

/** The options by which every command prints. */
export interface PrintingOptions {
  readonly output: OutputFormat;
  readonly headers: boolean;
}

/** An action as commander calls it: the arguments, the options, the command. */
export type Action = (...params: unknown[]) => Promise<void>;

/** What every command works with. */
export interface CommandInvocation<Options> {
  readonly io: CommandIo;
  readonly output: Output;
  readonly options: PrintingOptions & Options;
}

/** Begins the tree of a program's commands. Errors are not told here but once, by {@link runCommand}. */
export function commandTree(name: string, { stdout, stderr }: Pick<CommandIo, 'stdout' | 'stderr'>): Command {
  return new Command(name)
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text), outputError: () => {} });
}

/** Gives a program the options by which its commands print. */
export function withPrintingOptions(program: Command): Command {
  return program
    .addOption(new Option('-o, --output <format>', 'how to print the result').choices(OUTPUT_FORMATS).default('table'))
    .option('--no-headers', 'leave the table\'s first line out');
}

/** What a command that commander has read works with. */
export function invocationOf<Options>(command: Command, io: CommandIo): CommandInvocation<Options> {
  const options = command.optsWithGlobals<PrintingOptions & Options>();
  return { io, output: new Output(io, { format: options.output, headers: options.headers }), options };
}

/** The part of a command's help that shows it in use. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map((line) => `  $ ${line}`).join('\n')}\n`;
}

/**
 * Runs one command of a program to its end.
 *
 * @param argv    The words after the program's name.
 * @param hintFor The next step for somebody who got an error, if there is one to give.
 * @returns 0 done, 1 refused, 2 wrong usage or configuration, 3 nobody answered. Errors are told on stderr already.
 */
export async function runCommand(program: Command, argv: readonly string[], terminal: Terminal, hintFor: (error: unknown) => string | undefined = () => undefined): Promise<ExitCode> {
  const report = (error: unknown, hint: string | undefined): void =>
    reportError(terminal, { program: program.name(), format: program.opts<Partial<PrintingOptions>>().output ?? 'table', error, hint });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof CommanderError)) {
      report(error, hintFor(error));
      return exitCodeOf(error);
    }
    // Help or the version was asked for and is written already, or the words make no command.
    if (error.exitCode === 0) return EXIT.done;
    const usage = new DomainError('invalid_argument', error.message.replace(/^error: /, ''));
    if (error.code !== 'commander.help') report(usage, `${program.name()} --help, or --help after a command, shows the words.`);
    return EXIT.usage;
  }
}
