import { CommanderError, type Command } from 'commander';
import { DomainError } from '../domain/errors.js';
import { systemClock, type Clock } from '../platform/clock.js';
import { EXIT, exitCodeOf, reportError, type ExitCode } from '../platform/exit-codes.js';
import { hintFor } from './hints.js';
import { buildProgram } from './program.js';
import { Session, type CommandIo, type GlobalOptions } from './session.js';

/**
 * Runs one `nc-client` command to its end.
 *
 * @param argv The words after "nc-client".
 * @returns 0 done, 1 refused, 2 wrong usage, 3 nobody answered. Errors are told on stderr already.
 */
export async function run(argv: readonly string[], io: CommandIo, clock: Clock = systemClock): Promise<ExitCode> {
  const program = buildProgram(new Session(io, clock), io);
  try {
    await program.parseAsync(argv, { from: 'user' });
    return EXIT.done;
  } catch (error) {
    return error instanceof CommanderError ? endedByCommander(error, program, io) : endedByError(error, program, io);
  }
}

/** Help was asked for and is written already, or the words make no command. */
function endedByCommander(error: CommanderError, program: Command, io: CommandIo): ExitCode {
  if (error.exitCode === 0) return EXIT.done;
  if (error.code !== 'commander.help') {
    const usage = new DomainError('invalid_argument', error.message.replace(/^error: /, ''));
    reportError(io, { program: 'nc-client', format: formatOf(program), error: usage, hint: 'nc-client --help, or --help after a command, shows the words.' });
  }
  return EXIT.usage;
}

function endedByError(error: unknown, program: Command, io: CommandIo): ExitCode {
  reportError(io, { program: 'nc-client', format: formatOf(program), error, hint: hintFor(error) });
  return error instanceof DomainError && error.code === 'config_invalid' ? EXIT.usage : exitCodeOf(error);
}

function formatOf(program: Command): GlobalOptions['output'] {
  return program.opts<GlobalOptions>().output;
}
