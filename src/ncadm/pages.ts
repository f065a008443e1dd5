/** As many as the controller gives at once. */
export const PAGE_SIZE = 1_000;

/** One page and the token of the next, empty at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string;
}

/** Reads all pages of a list, in order. */
export async function readAllPages<T>(read: (pageToken: string) => Promise<Page<T>>): Promise<T[]> {
  const all: T[] = [];
  let pageToken = '';
  do {
    const page = await read(pageToken);
    all.push(...page.items);
    pageToken = page.next;
  } while (pageToken !== '');
  return all;
}
