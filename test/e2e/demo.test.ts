import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFailed } from 'vitest';
import { tmpDir } from '../support/tmp-dir.js';

/** The demo builds, and starts some forty processes one after the other; on a busy machine that takes minutes. */
const LIMIT_MS = 600_000;
/** Ended before the test is, a demo that hangs can still be shown. */
const DEMO_LIMIT_MS = LIMIT_MS - 30_000;

interface Ended {
  readonly exitCode: number;
  readonly lastLine: string;
  readonly output: string;
}

describe('npm run demo', () => {
  it('keeps every promise, and says so in its last line', { timeout: LIMIT_MS }, async () => {
    expect(await demo()).toMatchObject({ exitCode: 0, lastLine: 'demo: ok' });
  });

  it('tells the same story with recorded devices where there can be no machines', { timeout: LIMIT_MS }, async () => {
    const ended = await demo(['--recorded']);

    expect(ended).toMatchObject({ exitCode: 0, lastLine: 'demo: ok' });
    expect(ended.output).toMatch(/^NO PACKETS: /);
  });

  it('names the promise that is broken, and fails', { timeout: LIMIT_MS }, async () => {
    // The path of a unix socket has at most 107 characters, so here the controller cannot open its own.
    const TMPDIR = join(tmpDir(), 'long'.repeat(30));
    mkdirSync(TMPDIR);

    const ended = await demo(['--recorded'], { TMPDIR });

    expect(ended).toMatchObject({ exitCode: 1, lastLine: 'demo: failed: the controller starts' });
  });
});

/** Runs the demo; what it said is shown when the test fails. */
function demo(words: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  let said = '';
  onTestFailed(() => console.error(said));
  return new Promise((resolve) => {
    execFile('npm', ['run', '--silent', 'demo', '--', ...words], { timeout: DEMO_LIMIT_MS, maxBuffer: 1 << 24, env: { ...process.env, ...env } }, (error, stdout, stderr) => {
      said = stdout + stderr;
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 128), lastLine: stdout.trimEnd().split('\n').at(-1) ?? '', output: stdout });
    });
  });
}
