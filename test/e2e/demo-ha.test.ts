import { execFile } from 'node:child_process';
import { expect, it, onTestFailed } from 'vitest';
import { longestSilence } from '../../demo/ha/beats.js';
import { describeLab } from '../support/lab-vitest.js';

/** It starts some thirty programs one after the other; on a busy machine that takes minutes. */
const LIMIT_MS = 600_000;

describeLab('npm run demo:ha', () => {
  it('goes on without the leader of etcd, a controller, a data centre, and says how long each was felt', { timeout: LIMIT_MS }, async () => {
    const { exitCode, stdout } = await demo();

    expect(exitCode).toBe(0);
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('demo: ok');
    for (const row of ['etcd leader: kill -9', 'controller: kill -9', 'data centre: cut off', 'data centre: back']) expect(stdout).toMatch(new RegExp(`│ ${row}( +\\d+ ms){4}`));
    expect(stdout).toMatch(/0 resets; \d+ more nodes joined meanwhile/);
  });
});

it('counts the time before the first beat and after the last as silence', () => {
  const beats = (...times: number[]) => ({ name: 'x', times: () => times });

  expect(longestSilence(beats(), 100, 900)).toBe(800);
  expect(longestSilence(beats(600, 700), 100, 900)).toBe(500);
  expect(longestSilence(beats(150, 300), 100, 900)).toBe(600);
  expect(longestSilence(beats(50, 150, 850, 2_000), 100, 900)).toBe(700);
});

/** Runs the demo; what it said is shown when the test fails. */
function demo(): Promise<{ exitCode: number; stdout: string }> {
  let said = '';
  onTestFailed(() => console.error(said));
  return new Promise((resolve) => {
    execFile('npm', ['run', '--silent', 'demo:ha'], { timeout: LIMIT_MS - 30_000, maxBuffer: 1 << 26, env: { ...process.env, NO_COLOR: '1' } }, (error, stdout, stderr) => {
      said = stdout + stderr;
      resolve({ exitCode: error === null ? 0 : Number(error.code ?? 128), stdout });
    });
  });
}
