import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openJsonLines } from '../../src/platform/json-lines.js';
import { tmpDir } from '../support/tmp-dir.js';

const open = (dir: string, onFailure: (error: Error) => void = () => {}) => openJsonLines({ name: 'audit', dir, onFailure });

describe('a file of JSON lines', () => {
  it('has every record when it is closed, one a line, whatever is in it', async () => {
    const dir = join(tmpDir(), 'logs');
    const file = open(dir);
    const records = Array.from({ length: 500 }, (_, n) => ({ n, reason: 'line\nbreak " and \u2028' }));

    for (const record of records) file.write(record);
    await Promise.all([file.close(), file.close()]);

    expect(linesOf(dir)).toEqual(records);
  });

  it('goes on where an earlier run has ended', async () => {
    const dir = join(tmpDir(), 'logs');
    for (const n of [1, 2]) {
      const file = open(dir);
      file.write({ n });
      await file.close();
    }

    expect(linesOf(dir)).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('is nobody else’s to read, and keeps at most 128 files', async () => {
    const dir = join(tmpDir(), 'logs');
    const first = open(dir);
    first.write({});
    await first.close();

    const [name] = readdirSync(dir).filter((each) => /^audit_\d{4}-\d\d-\d\d\.log$/.test(each));
    expect(statSync(join(dir, name!)).mode & 0o007).toBe(0);
    expect(JSON.parse(readFileSync(join(dir, '.audit.json'), 'utf8'))).toMatchObject({ keep: { days: false, amount: 128 } });
  });

  it('refuses a folder that is a file', () => {
    const path = join(tmpDir(), 'logs');
    writeFileSync(path, '');

    expect(() => open(path)).toThrow('EEXIST');
  });
});

function linesOf(dir: string): unknown[] {
  const lines = readFileSync(join(dir, 'audit.log'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line) as unknown);
}
