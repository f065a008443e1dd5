import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this package. */
export const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

const PROGRAMS: ReadonlySet<string> = new Set(['nc-server', 'nc-client', 'ncadm']);

/**
 * Puts the whole command line in the place of one of our programs' names; other programs are left to PATH.
 *
 * @param node The Node.js to run it with.
 * @param home Where the package is, as the machine sees it.
 */
export function ourProgram(argv: readonly string[], node = process.execPath, home = PACKAGE): readonly string[] {
  const [name = '', ...words] = argv;
  return PROGRAMS.has(name) ? [node, join(home, 'bin', `${name}.js`), ...words] : argv;
}

/** Whether `npm run build` has been here. */
export function isBuilt(): boolean {
  return ['server', 'client', 'ncadm'].every((program) => existsSync(join(PACKAGE, 'dist', program, 'main.js')));
}
