import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { PACKAGE } from '../../demo/programs.js';
import type { Kernel } from './debian-kernel.js';
import { GuestFiles } from './guest-files.js';

/** What the lab and the agent run, beside what busybox has. Its shell would take its own `readlink`, which has no `-m`. */
const PROGRAMS = ['node', 'wg', 'ip', 'nft', 'ping', 'tcpdump', 'nsenter', 'unshare', 'setpriv', 'mount', 'umount', 'sysctl', 'modprobe', 'readlink', 'sh', 'busybox'];
const APPLETS = ['cat', 'cut', 'dirname', 'grep', 'kill', 'ls', 'mkdir', 'printf', 'ps', 'rm', 'sleep', 'true', 'uname', 'dmesg'];
/** What the modules of the lab and of WireGuard need; the rest of Debian's 90 MB stays out. */
const MODULES = ['kernel/arch', 'kernel/crypto', 'kernel/lib', 'kernel/net', 'kernel/drivers/net/wireguard', 'kernel/drivers/net/veth.ko', 'kernel/drivers/net/dummy.ko'];

/** The guest's first process. Console output is all that leaves the guest. */
const INIT = `#!/bin/sh
export PATH=/usr/bin:/usr/sbin HOME=/root
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
mount -t tmpfs run /run; mount -t tmpfs tmp /tmp
ip link set lo up
node /package/kernel/scenario.js 2>&1
echo "guest ended with $?"
dmesg | grep -i wireguard
echo o >/proc/sysrq-trigger
sleep 60
`;

/** Packs the guest: the built package, the programs that it drives and the kernel's modules. @param image The file to write. */
export function packGuest(kernel: Kernel, image: string): void {
  const root = `${image}.root`;
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root);
  const files = new GuestFiles(root);
  for (const program of PROGRAMS) files.program(program);
  files.applets(APPLETS);
  files.write('/init', INIT, 0o755);
  files.write('/etc/hosts', '127.0.0.1 localhost\n');
  files.write('/etc/resolv.conf', '');
  const indexes = readdirSync(kernel.modules).filter((name) => name.startsWith('modules.'));
  for (const path of [...MODULES, ...indexes]) files.copy(join(kernel.modules, path), `/lib/modules/${kernel.version}/${path}`);
  addPackage(files, root);
  files.pack(image);
  rmSync(root, { recursive: true, force: true });
}

/** What an install of the package would have, and the scenario as one file. */
function addPackage(files: GuestFiles, root: string): void {
  for (const path of ['package.json', 'bin', 'dist/bundle', 'migrations']) files.copy(join(PACKAGE, path), `/package/${path}`);
  for (const part of ['server', 'platform', 'domain', 'gen']) files.copy(join(PACKAGE, 'dist', part), `/package/dist/${part}`);
  for (const path of productionPackages()) files.copy(join(PACKAGE, path), `/package/${path}`);
  files.librariesOf(join(root, 'package/node_modules/better-sqlite3/build/Release/better_sqlite3.node'));
  buildSync({
    entryPoints: [join(PACKAGE, 'test/kernel/scenario.ts')],
    outfile: join(root, 'package/kernel/scenario.js'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'error',
  });
}

/** Paths of the installed packages that are not only for development. */
function productionPackages(): string[] {
  const lock = JSON.parse(readFileSync(join(PACKAGE, 'package-lock.json'), 'utf8')) as { packages: Record<string, { dev?: true; optional?: true }> };
  return Object.entries(lock.packages).filter(([path, { dev, optional }]) => path !== '' && dev !== true && optional !== true).map(([path]) => path);
}
