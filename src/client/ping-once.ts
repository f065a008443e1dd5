import { DomainError } from '../domain/errors.js';
import { run, RunError } from '../platform/run.js';

const WAIT_SECONDS = '2';

/**
 * Sends one ping to an overlay address.
 *
 * @returns Milliseconds, or undefined without an answer.
 * @throws DomainError `device_failed` when ping(8) cannot be run or is refused.
 * @see ping(8), exit code 1
 */
export async function pingOnce(address: string): Promise<number | undefined> {
  try {
    const { stdout } = await run('ping', ['-n', '-c', '1', '-W', WAIT_SECONDS, address]);
    return Number(/time[=<]([\d.]+)/.exec(stdout)?.[1] ?? Number.NaN);
  } catch (error) {
    if (error instanceof RunError && error.exitCode === 1) return undefined;
    throw error instanceof RunError ? new DomainError('device_failed', error.message, { cause: error }) : error;
  }
}
