import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ATTACKS = 33;

/** Table rows of docs/security.md: number, attack, defence, test. */
function rows(): { number: number; attack: string; test: string }[] {
  const lines = readFileSync('docs/security.md', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, number, attack, , test] = line.split('|').map((cell) => cell.trim());
    return /^\d+$/.test(number ?? '') ? [{ number: Number(number), attack: attack ?? '', test: test ?? '' }] : [];
  });
}

function testsIn(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
  return files.map((name) => readFileSync(join(folder, name), 'utf8')).join('\n');
}

it('every attack of the threat table is a test of that name, or is listed as open', () => {
  const tests = testsIn('test/threats');

  expect(rows().map((row) => row.number)).toEqual(Array.from({ length: ATTACKS }, (_, i) => i + 1));
  for (const { number, attack, test } of rows()) {
    if (test.startsWith('open: ')) {
      expect(tests.includes(`('${attack}`), `attack ${number} has a test and is not open`).toBe(false);
      continue;
    }
    expect(tests.includes(`('${attack}'`) || tests.includes(`('${attack}: %s'`), `attack ${number}`).toBe(true);
    expect(readFileSync(join('test/threats', `${test.replaceAll('`', '')}.test.ts`), 'utf8'), `attack ${number}`).toContain(attack);
  }
});
