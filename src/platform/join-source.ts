import { readFileSync, rmSync } from 'node:fs';
import { DomainError } from '../domain/errors.js';
import { MAX_JOIN_STRING } from '../domain/join-string.js';

/** Where a join string is, and how it is taken away once it has been used. */
export interface JoinSource {
  readonly text: string;
  /** Removes the file it came from; does nothing for standard input. */
  discard(): void;
}

/**
 * Reads the join string from a file, or from standard input when none is named.
 *
 * @throws DomainError `join_string_invalid` when there is nothing to read.
 */
export async function readJoinSource(path: string | undefined, stdin: NodeJS.ReadableStream): Promise<JoinSource> {
  if (path === undefined) return { text: await readFirstLine(stdin), discard: () => {} };
  try {
    return { text: readFileSync(path, 'utf8'), discard: () => rmSync(path, { force: true }) };
  } catch (cause) {
    throw new DomainError('join_string_invalid', `${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** A line and not the whole stream: somebody who pastes at a terminal ends with Enter. */
async function readFirstLine(stdin: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.trimStart().includes('\n') || text.length > MAX_JOIN_STRING * 2) break;
  }
  const [line = ''] = text.trim().split(/\s*\n/);
  if (line === '') throw new DomainError('join_string_invalid', 'join string: want one on standard input, got nothing');
  return line;
}
