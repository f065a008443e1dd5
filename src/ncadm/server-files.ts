import type { Output } from '../platform/output.js';
import { runSibling } from '../platform/sibling-program.js';

/** The option of commands that work on a server's files while no server runs. */
export interface ServerFilesOptions {
  readonly config: string;
}

/** Its words and their explanation. */
export const CONFIG_OPTION = ['--config <file>', 'the server\'s configuration', 'server.yml'] as const;

/** Lets `nc-server`, to whom the files belong, do the work, and prints its answer. @throws DomainError with its code. */
export async function workOnServerFiles(output: Output, { config }: ServerFilesOptions, argv: readonly string[]): Promise<void> {
  const answer = (await runSibling('nc-server', ['--config', config, ...argv])) as { readonly says: readonly string[] };
  output.result(answer, () => answer.says.join('\n'));
}
