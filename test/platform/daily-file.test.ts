import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DailyFile } from '../../src/platform/daily-file.js';
import { openLog } from '../../src/platform/winston-log.js';
import { tmpDir } from '../support/tmp-dir.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

const open = (dir: string, onFailure: (error: Error) => void = (error) => expect.fail(error.message)) => new DailyFile({ name: 'lines', dir, keep: 3, onFailure });

describe('a daily file', () => {
  it('has the lines of many turns in the order in which they came', async () => {
    const dir = tmpDir();
    const file = open(dir);
    const lines = Array.from({ length: 60 }, (_, n) => `line ${n}`);

    for (const [n, line] of lines.entries()) {
      file.write(line);
      if (n % 7 === 0) await new Promise(setImmediate);
      if (n % 11 === 0) file.flush();
    }
    await file.close();

    expect(linesOf(dir, 'lines')).toEqual(lines);
  });

  it('writes a line though nobody closes it', async () => {
    const dir = tmpDir();
    const file = open(dir);

    file.write('only');
    await vi.waitFor(() => expect(linesOf(dir, 'lines')).toEqual(['only']), { timeout: 30_000 });

    await file.close();
  });

  it('keeps what waits for the end of the turn until it is told not to', async () => {
    vi.stubGlobal('setImmediate', () => {}); // The turn never ends.
    const dir = tmpDir();
    const file = open(dir);
    file.write('first');
    file.flush();
    await vi.waitFor(() => expect(linesOf(dir, 'lines')).toEqual(['first']), { timeout: 30_000 });

    file.write('second');
    await file.close();
    await file.close();

    expect(linesOf(dir, 'lines')).toEqual(['first', 'second']);
  });

  it('tells why it cannot be written, and does not throw', async () => {
    const dir = tmpDir();
    const day = new Date().toISOString().slice(0, 10);
    for (const name of [day, following(day)]) mkdirSync(join(dir, `lines_${name}.log`));
    const failures: string[] = [];

    const file = open(dir, (error) => failures.push(error.message));
    file.write('lost');

    await vi.waitFor(() => expect(failures.join()).toContain('EISDIR'), { timeout: 30_000 });
  });
});

describe('a log in a daily file', () => {
  it.each(['warn', 'error'] as const)('does not let a line of level %s, or any before it, wait for the end of the turn', async (level) => {
    vi.stubGlobal('setImmediate', () => {}); // The turn never ends.
    const dir = tmpDir();
    const log = openLog({ program: 'nc-server', dir });

    log.info('before');
    log[level]('wrong');
    log.info('after');

    await vi.waitFor(() => expect(linesOf(dir, 'nc-server-log').map((line) => (JSON.parse(line) as { message: string }).message)).toEqual(['before', 'wrong']), { timeout: 30_000 });
    await log.close();
  });
});

/** The day after `day`, both as 2026-01-31: a test may run at midnight. */
function following(day: string): string {
  return new Date(Date.parse(day) + 86_400_000).toISOString().slice(0, 10);
}

function linesOf(dir: string, name: string): string[] {
  const link = join(dir, `${name}.log`);
  return existsSync(link) ? readFileSync(link, 'utf8').trimEnd().split('\n') : [];
}
