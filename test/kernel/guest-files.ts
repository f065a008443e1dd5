import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

/** The folders that Debian has merged into /usr. */
const MERGED = { bin: 'usr/bin', sbin: 'usr/sbin', lib: 'usr/lib', lib64: 'usr/lib64' };

/** A file system being laid out in a folder, to be packed as the guest's only one. */
export class GuestFiles {
  readonly #root: string;

  /** @param root An empty folder. */
  constructor(root: string) {
    this.#root = root;
    for (const [name, target] of Object.entries(MERGED)) {
      mkdirSync(join(root, target), { recursive: true });
      symlinkSync(target, join(root, name));
    }
    for (const folder of ['proc', 'sys', 'dev', 'run', 'tmp', 'etc', 'root', 'var/tmp']) mkdirSync(join(root, folder), { recursive: true });
  }

  /** Text at `path`. */
  write(path: string, text: string, mode = 0o644): void {
    writeFileSync(this.#at(path), text, { mode });
  }

  /** A file or a whole folder of this machine, at `path`. */
  copy(from: string, path: string): void {
    cpSync(from, this.#at(path), { recursive: true, dereference: true });
  }

  /** A program of this machine at its own path, with the libraries that it is linked with. */
  program(name: string): void {
    const path = execFileSync('sh', ['-c', 'command -v "$1"', 'sh', name]).toString().trim();
    this.#withLibraries(path);
  }

  /** The libraries of a Node.js addon that is in place already. */
  librariesOf(file: string): void {
    for (const library of librariesOf(file)) this.#place(library);
  }

  /** Names of busybox's programs that nothing else has taken. */
  applets(names: readonly string[]): void {
    for (const name of names) symlinkSync('/usr/bin/busybox', this.#at(`/usr/bin/${name}`));
  }

  /** All of it as an initial RAM file system. @see initramfs "buffer format" of the kernel's documentation */
  pack(image: string): void {
    execFileSync('sh', ['-c', `find . -print0 | cpio --quiet --null --create --format=newc --owner=0:0 > "$1"`, 'sh', resolve(image)], { cwd: this.#root });
  }

  #withLibraries(path: string): void {
    this.#place(path);
    for (const library of librariesOf(path)) this.#place(library);
  }

  #place(path: string): void {
    const to = this.#at(join(realpathSync(dirname(path)), path.slice(path.lastIndexOf('/') + 1)));
    copyFileSync(realpathSync(path), to);
  }

  #at(path: string): string {
    const to = join(this.#root, path);
    mkdirSync(dirname(to), { recursive: true });
    return to;
  }
}

/** The paths that ld.so(8) would load for `file`; none for a static program. */
function librariesOf(file: string): string[] {
  if (!readFileSync(file).subarray(0, 4).equals(Buffer.from('\x7fELF'))) return [];
  try {
    const listing = execFileSync('ldd', [file], { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
    return [...listing.matchAll(/(\/\S+) \(0x/g)].map(([, path]) => path as string);
  } catch {
    return [];
  }
}
