import { createInterface } from 'node:readline/promises';
import { DomainError } from '../domain/errors.js';
import type { CommandIo } from '../platform/run-command.js';

/**
 * Asks before something that cannot be undone, on a terminal only: a script has said what it wants.
 *
 * @throws DomainError `invalid_argument` when the answer is not yes.
 */
export async function confirm(io: CommandIo, question: string, options: { readonly yes?: boolean }): Promise<void> {
  if (options.yes === true || io.stdin.isTTY !== true) return;
  const prompt = createInterface({ input: io.stdin });
  io.stderr.write(`${question} [y/N] `);
  const answer = await new Promise<string>((resolve) => {
    prompt.once('line', resolve);
    prompt.once('close', () => resolve(''));
  });
  prompt.close();
  if (!/^y(es)?$/i.test(answer.trim())) throw new DomainError('invalid_argument', 'not confirmed, nothing was changed');
}
