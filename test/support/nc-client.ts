import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { ClientConfig } from '../../src/platform/config/client-config.js';
import { run } from '../../src/client/run.js';
import { tmpDir } from './tmp-dir.js';

/** What one run of `nc-client` printed and how it ended. */
export interface ClientRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `nc-client` in this process. */
export async function ncClient(argv: readonly string[], { stdin = '', env = {} }: { stdin?: string; env?: Record<string, string> } = {}): Promise<ClientRun> {
  const written = { stdout: '', stderr: '' };
  const stream = (name: 'stdout' | 'stderr') => ({ write: (text: string) => (written[name] += text) });
  const exitCode = await run(argv, { stdin: Readable.from([stdin]), stdout: stream('stdout'), stderr: stream('stderr'), env });
  return { exitCode, ...written };
}

/** Writes `config` as a client.yml. @returns its path. */
export function writeConfig(config: Partial<ClientConfig>): string {
  const path = join(tmpDir(), 'client.yml');
  writeFileSync(path, JSON.stringify({ client: config }));
  return path;
}
