/**
 * Boots Debian's kernel in a virtual machine without hardware help and plays {@link ./scenario.ts} there: the kernel's own WireGuard, for
 * machines whose kernel has none. `npm run test:kernel`.
 */
import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PACKAGE } from '../../demo/programs.js';
import { debianKernel } from './debian-kernel.js';
import { packGuest } from './guest-image.js';

/** A guest that says nothing more has hung: emulated, the whole scenario takes some minutes. */
const LIMIT_MS = 20 * 60_000;

const folder = join(PACKAGE, 'dist', 'kernel');
mkdirSync(folder, { recursive: true });
const kernel = debianKernel(folder);
const image = join(folder, 'guest.cpio');
console.log(`Packing a guest with Linux ${kernel.version} …`);
packGuest(kernel, image);
console.log('Booting it; everything is emulated, so be patient.\n');
process.exitCode = await boot(kernel.image, image);

/** Shows the guest's console. @returns The exit code of what ran there; 1 when the guest ended without one. */
async function boot(kernelImage: string, initrd: string): Promise<number> {
  const machine = ['-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '2048', '-nographic', '-no-reboot', '-nic', 'none'];
  const guest = ['-kernel', kernelImage, '-initrd', initrd, '-append', 'console=ttyS0 quiet panic=-1 tsc=unstable'];
  const qemu = spawn('qemu-system-x86_64', [...machine, ...guest], { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => qemu.kill('SIGKILL'), LIMIT_MS);
  const failed = new Promise<never>((_, reject) => qemu.once('error', reject));
  const ended = new Promise<void>((resolve) => qemu.once('close', () => resolve()));
  let exitCode = 1;
  createInterface(qemu.stdout).on('line', (line) => {
    console.log(line);
    exitCode = Number(/^guest ended with (\d+)/.exec(line)?.[1] ?? exitCode);
  });
  await Promise.race([ended, failed]);
  clearTimeout(timer);
  return exitCode;
}
