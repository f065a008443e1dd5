import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { tmpDir } from '../support/tmp-dir.js';

const { version, bin } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string; bin: Record<string, string> };

/** What a program printed, and how it ended, started from a folder where it finds nothing by chance. */
async function start(file: string, args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const run = promisify(execFile)(process.execPath, [join(process.cwd(), file), ...args], { cwd: tmpDir(), timeout: 50_000 });
  return run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
  );
}

/** The two that are put into one file by `npm run build`, which `npm test` runs first. */
describe.each(['nc-client', 'ncadm'])('%s, built into one file,', (program) => {
  const bundle = `dist/bundle/${program}.js`;

  it('refuses a word that is none, with the exit code of wrong usage and nothing on its output', async () => {
    const { code, stdout, stderr } = await start(bundle, ['conquer']);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(new RegExp(`^${program}: invalid_argument: .*conquer`));
    expect(stderr).not.toContain('    at ');
  });

  it('says its version, which is that of the package', async () => {
    expect(await start(bundle, ['version'])).toEqual({ code: 0, stderr: '', stdout: expect.stringMatching(new RegExp(`^${program} ${version.replaceAll('.', '\\.')} `)) });
  });

  it('explains itself, and a word that is asked about', async () => {
    const { code, stdout } = await start(bundle, ['--help']);
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: ${program} `));

    const [word = ''] = /^ {2}([a-z-]+)/m.exec(stdout.slice(stdout.indexOf('Commands:')))?.slice(1) ?? [];
    expect((await start(bundle, [word, '--help'])).stdout).toMatch(new RegExp(`^Usage: ${program} ${word}\\b`));
  });

  it('is what its command starts', async () => {
    expect(readFileSync(bin[program]!, 'utf8')).toContain(`../${bundle}`);
    expect((await start(bin[program]!, ['version'])).stdout).toBe((await start(bundle, ['version'])).stdout);
  });
});
