import { systemClock, type Clock } from '../platform/clock.js';
import type { ExitCode } from '../platform/exit-codes.js';
import { runCommand, type CommandIo } from '../platform/run-command.js';
import { hintFor } from './hints.js';
import { buildProgram } from './program.js';
import { Session } from './session.js';

/**
 * Runs one `ncadm` command to its end.
 *
 * @param argv The words after "ncadm".
 * @returns 0 done, 1 refused, 2 wrong usage, 3 nobody answered. Errors are told on stderr already.
 */
export function run(argv: readonly string[], io: CommandIo, clock: Clock = systemClock): Promise<ExitCode> {
  return runCommand(buildProgram(new Session(io, clock), io), argv, io, hintFor);
}
