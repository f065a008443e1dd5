import { readFileSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ifThere, ifThereSync } from '../../src/platform/if-there.js';
import { tmpDir } from '../support/tmp-dir.js';

describe('what may not be there', () => {
  it('is not taken for missing when it cannot be read', async () => {
    const folder = tmpDir();

    await expect(ifThere(readFile(folder))).rejects.toThrow(/EISDIR/);
    expect(() => ifThereSync(() => readFileSync(folder))).toThrow(/EISDIR/);
    writeFileSync(join(folder, 'file'), '');
    await expect(ifThere(readdir(join(folder, 'file')))).rejects.toThrow(/ENOTDIR/);
  });

  it('is undefined when it is missing', async () => {
    const path = join(tmpDir(), 'none');

    expect(await ifThere(readFile(path))).toBeUndefined();
    expect(await ifThere(readdir(path))).toBeUndefined();
    expect(ifThereSync(() => readFileSync(path))).toBeUndefined();
  });

  it('is what was read, also when that is empty', async () => {
    const path = join(tmpDir(), 'file');
    writeFileSync(path, '');

    expect(await ifThere(readFile(path, 'utf8'))).toBe('');
    expect(ifThereSync(() => readFileSync(path, 'utf8'))).toBe('');
  });
});
