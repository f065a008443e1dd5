import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DomainError, isErrorCode } from '../domain/errors.js';
import { run, RunError } from './run.js';

/** A large store takes a while to be copied. */
const PATIENCE_MS = 6 * 3_600_000;

/**
 * Runs a command of another of our programs, the one that was installed beside this one, and gives what it answers for programs.
 *
 * @param argv Visible to every user of the machine: no secrets.
 * @throws DomainError with the program's own code, or `unavailable` when it is not there.
 */
export async function runSibling(program: 'nc-server', argv: readonly string[]): Promise<unknown> {
  const [command, ...args] = siblingOf(program);
  try {
    const { stdout } = await run(command, [...args, ...argv, '-o', 'json'], { timeoutMs: PATIENCE_MS });
    return JSON.parse(stdout);
  } catch (error) {
    if (!(error instanceof RunError)) throw error;
    if (error.reason === 'missing') throw new DomainError('unavailable', `${program}: want it installed on this machine beside this program, and it is not`, { cause: error });
    throw refusalOf(error) ?? error;
  }
}

/** `bin/nc-server.js` beside `bin/ncadm.js`, run like it; else whatever the PATH has. */
function siblingOf(program: string): [string, ...string[]] {
  const own = process.argv[1];
  const beside = own !== undefined && existsSync(own) ? join(dirname(realpathSync(own)), `${program}.js`) : '';
  return existsSync(beside) ? [process.execPath, ...process.execArgv, beside] : [program];
}

function refusalOf({ stderr }: RunError): DomainError | undefined {
  try {
    const { error } = JSON.parse(stderr) as { error?: { code?: string; message?: string } };
    return error?.code !== undefined && isErrorCode(error.code) ? new DomainError(error.code, error.message ?? '') : undefined;
  } catch {
    return undefined;
  }
}
