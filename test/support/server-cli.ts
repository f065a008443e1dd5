import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../../src/server/run.js';

/** How one run of `nc-server` ended. */
export interface ServerRun {
  readonly exitCode: number;
  /** What it printed with `-o json`; undefined for nothing. */
  readonly result: unknown;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** Runs a command of `nc-server`, in this process, on the folder of a test's server. */
export async function serverCommand(dir: string, words: readonly string[], settings: readonly string[] = []): Promise<ServerRun> {
  const config = join(dir, 'server.yml');
  writeFileSync(config, `server:\n${['workDir: work', ...settings].map((line) => `  ${line}\n`).join('')}`);
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({ write: (text: string) => void (written[name] += text) });
  const exitCode = await run(['--config', config, '-o', 'json', ...words], { stdout: sink('stdout'), stderr: sink('stderr'), env: {}, stdin: process.stdin });
  const error = written.stderr === '' ? undefined : (JSON.parse(written.stderr) as { error: ServerRun['error'] }).error;
  return { exitCode, result: written.stdout === '' ? undefined : (JSON.parse(written.stdout) as unknown), error };
}
