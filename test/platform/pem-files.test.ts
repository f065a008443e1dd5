import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createFileAtomic, makePrivateDir, readPrivateFile, writeFileAtomic } from '../../src/platform/pem-files.js';
import { tmpDir } from '../support/tmp-dir.js';

const modeOf = (path: string): number => statSync(path).mode & 0o777;

describe('private files', () => {
  it.each([0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])('are refused with mode %o, and the message has the command that mends it', async (mode) => {
    const path = join(tmpDir(), 'a.key');
    writeFileSync(path, 'secret');
    chmodSync(path, mode);

    const error: Error = await readPrivateFile(path).then(() => expect.unreachable(), (reason: Error) => reason);

    expect(error).toMatchObject({ code: 'key_file_unsafe' });
    expect(error.message).toContain(`mode ${mode.toString(8)}, want 600`);
    execFileSync('sh', ['-c', error.message.split('run: ')[1]!]);
    await expect(readPrivateFile(path)).resolves.toBe('secret');
  });

  it('are refused through a link to a file that is too open', async () => {
    const dir = tmpDir();
    writeFileSync(join(dir, 'open.key'), 'secret', { mode: 0o644 });
    symlinkSync(join(dir, 'open.key'), join(dir, 'link.key'));

    await expect(readPrivateFile(join(dir, 'link.key'))).rejects.toMatchObject({ code: 'key_file_unsafe' });
  });

  it.skipIf(process.getuid?.() !== 0)('are refused when they belong to another user', async () => {
    const path = join(tmpDir(), 'a.key');
    writeFileSync(path, 'secret', { mode: 0o600 });
    chownSync(path, 65_534, 65_534);

    await expect(readPrivateFile(path)).rejects.toMatchObject({ code: 'key_file_unsafe', message: expect.stringContaining('chown') });
  });

  it('say that they are missing', async () => {
    await expect(readPrivateFile(join(tmpDir(), 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('are never replaced by another key, and nothing is left beside them', async () => {
    const path = join(tmpDir(), 'a.key');
    await createFileAtomic(path, 'first');

    await expect(createFileAtomic(path, 'second')).rejects.toMatchObject({ code: 'EEXIST' });

    expect(readFileSync(path, 'utf8')).toBe('first');
    expect(readdirSync(join(path, '..'))).toEqual(['a.key']);
  });

  it('leave nothing beside them when they cannot be written', async () => {
    const dir = tmpDir();
    mkdirSync(join(dir, 'a.key', 'full'), { recursive: true });

    await expect(writeFileAtomic(join(dir, 'a.key'), 'x')).rejects.toThrow();
    await expect(writeFileAtomic(join(dir, 'none', 'a.key'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });

    expect(readdirSync(dir)).toEqual(['a.key']);
  });

  it('have exactly one winner among racing creators', async () => {
    const path = join(tmpDir(), 'a.key');

    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, index) => createFileAtomic(path, String(index)).then(() => index)));

    const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(winners).toHaveLength(1);
    expect(readFileSync(path, 'utf8')).toBe(String(winners[0]));
  });

  it('are 0600 in 0700 folders whatever the umask, unless asked otherwise', async () => {
    const dir = join(tmpDir(), 'a', 'b');
    const before = process.umask(0);
    try {
      await makePrivateDir(dir);
      await writeFileAtomic(join(dir, 'one'), 'x');
      await createFileAtomic(join(dir, 'two'), 'x');
      await writeFileAtomic(join(dir, 'three'), 'x', 0o644);
    } finally {
      process.umask(before);
    }

    expect([dir, join(dir, '..'), join(dir, 'one'), join(dir, 'two'), join(dir, 'three')].map(modeOf)).toEqual([0o700, 0o700, 0o600, 0o600, 0o644]);
  });

  it('are replaced whole: a reader sees the old contents or the new', async () => {
    const path = join(tmpDir(), 'state');
    const [old, fresh] = ['a'.repeat(1 << 16), 'b'.repeat(1 << 16)];
    await writeFileAtomic(path, old);
    let writing = true;
    const writes = Promise.all(Array.from({ length: 10 }, () => writeFileAtomic(path, fresh))).finally(() => (writing = false));

    while (writing) expect([old, fresh]).toContain(await readPrivateFile(path));

    await writes;
    expect(existsSync(path) && (await readPrivateFile(path))).toBe(fresh);
  });
});
