import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The package that always depends on Debian's newest kernel for virtual machines. */
const METAPACKAGE = 'linux-image-cloud-amd64';

/** A kernel with its modules, unpacked. */
export interface Kernel {
  readonly version: string;
  readonly image: string;
  /** `/lib/modules/<version>`. */
  readonly modules: string;
}

/**
 * Debian's kernel, downloaded and unpacked into `folder` and installed nowhere.
 *
 * @throws Error when apt-get cannot have it.
 */
export function debianKernel(folder: string): Kernel {
  const unpacked = join(folder, 'unpacked');
  if (!existsSync(unpacked)) download(folder, unpacked);
  const [version = ''] = readdirSync(join(unpacked, 'lib/modules'));
  const modules = join(unpacked, 'lib/modules', version);
  execFileSync('depmod', ['-b', unpacked, version]);
  return { version, image: join(unpacked, 'boot', `vmlinuz-${version}`), modules };
}

function download(folder: string, unpacked: string): void {
  const [, name] = /Depends: (linux-image-\S+)/.exec(execFileSync('apt-cache', ['depends', METAPACKAGE]).toString()) ?? [];
  if (name === undefined) throw new Error(`apt knows no kernel: ${METAPACKAGE} has no dependency; apt-get update may help`);
  console.log(`Downloading Debian's ${name} …`);
  mkdirSync(folder, { recursive: true });
  execFileSync('apt-get', ['-qq', 'download', name], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const file = readdirSync(folder).find((each) => each.startsWith(name) && each.endsWith('.deb'));
  execFileSync('dpkg-deb', ['-x', join(folder, file ?? ''), unpacked]);
}
