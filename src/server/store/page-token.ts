import { DomainError } from '../../domain/errors.js';

/** Where the next page starts, as an opaque text: the sort key of the last item. */
export function pageToken(after: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(after)).toString('base64url');
}

/**
 * The sort key in `token`, or `start` for the first page.
 *
 * @throws DomainError `invalid_argument` for a token that is none of ours.
 */
export function parsePageToken<T extends readonly (string | number)[]>(token: string, start: T): T {
  if (token === '') return start;
  const after = parse(token);
  if (!Array.isArray(after) || after.length !== start.length || after.some((part, i) => typeof part !== typeof start[i])) {
    throw new DomainError('invalid_argument', `page_token: want the one of the page before, got ${JSON.stringify(token)}`);
  }
  return after as unknown as T;
}

function parse(token: string): unknown {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}
