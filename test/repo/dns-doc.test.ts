import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const PAGE = readFileSync('docs/dns.md', 'utf8');

/** Rows of the table of promises: clause, file and title of the test. */
function promises(): { clause: string; file: string; title: string }[] {
  return PAGE.split('\n').flatMap((line) => {
    const [, clause = '', , file = '', title = ''] = line.split('|').map((cell) => cell.trim());
    return clause.startsWith('RFC ') ? [{ clause, file: file.replaceAll('`', ''), title }] : [];
  });
}

/** Whether a test, a group or a row of a table in `file` has this title. */
function hasTest(file: string, title: string): boolean {
  const source = existsSync(file) ? readFileSync(file, 'utf8').replaceAll("\\'", '\'') : '';
  return [`('${title}'`, `['${title}'`].some((start) => source.includes(start));
}

it('every clause that docs/dns.md promises has the test that it names', () => {
  const found = promises();

  expect(found.length).toBeGreaterThan(35);
  expect(found.filter(({ file, title }) => !hasTest(file, title))).toEqual([]);
});

it('a test that is not there would be missed', () => {
  expect(hasTest('test/repo/dns-doc.test.ts', 'no such test of any name')).toBe(false);
  expect(hasTest('test/nowhere.test.ts', 'every clause')).toBe(false);
});

it('every file that docs/dns.md names is there', () => {
  const named = [...PAGE.matchAll(/`((?:src|test)\/[\w./-]+)`/g)].map((match) => match[1]!);

  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((path) => !existsSync(path))).toEqual([]);
});
