import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpDir } from './tmp-dir.js';

/**
 * Runs `openssl`, the outside judge of what we issue.
 *
 * @param args  Arguments; one of the form `@name` becomes the path of the file `name`.
 * @param files What to put into those files.
 * @returns What it printed.
 * @throws Error with what it said when it refuses.
 */
export function openssl(args: readonly string[], files: Readonly<Record<string, string | Uint8Array>>): string {
  const dir = tmpDir();
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(dir, name), contents);
  const argv = args.map((arg) => (arg.startsWith('@') ? join(dir, arg.slice(1)) : arg));
  return execFileSync('openssl', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
