import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const DEFECTS = 33;

/** Table rows of docs/litekube.md: number, defect, promise. */
function rows(): { number: number; promise: string }[] {
  const lines = readFileSync('docs/litekube.md', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, number, , promise] = line.split('|').map((cell) => cell.trim());
    return /^\d+$/.test(number ?? '') ? [{ number: Number(number), promise: promise ?? '' }] : [];
  });
}

function allTests(): string {
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
  return files.map((name) => readFileSync(join('test', name), 'utf8')).join('\n');
}

it('every defect of LiteKube has a promise, and the tests named for it exist', () => {
  const tests = allTests();

  expect(rows().map((row) => row.number)).toEqual(Array.from({ length: DEFECTS }, (_, i) => i + 1));
  for (const { number, promise } of rows()) {
    const named = [...promise.matchAll(/`([^`]+)`/g)].map((match) => match[1]!).filter((name) => !name.endsWith('.md'));
    const missing = named.filter((name) => !tests.includes(name));
    expect(missing, `defect ${number}`).toEqual([]);
    expect(named.length > 0 || promise.startsWith('does not apply') || promise.startsWith('tests make'), `defect ${number}`).toBe(true);
  }
});
