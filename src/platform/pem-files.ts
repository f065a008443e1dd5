import { randomBytes } from 'node:crypto';
import { link, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DomainError } from '../domain/errors.js';

const PRIVATE_FILE = 0o600;
const PRIVATE_DIR = 0o700;
const OTHERS = 0o077;

/** Makes a folder that only its owner can enter, with its parents; leaves one that exists as it is. */
export async function makePrivateDir(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: PRIVATE_DIR });
}

/**
 * Writes a file so that a crash at any moment leaves the old contents or the new ones, both whole: temporary file, fsync,
 * rename, fsync of the folder.
 *
 * @param mode 0600 unless it may be seen by others.
 */
export async function writeFileAtomic(path: string, contents: string | Uint8Array, mode = PRIVATE_FILE): Promise<void> {
  await placed(path, contents, mode, rename);
}

/**
 * Like {@link writeFileAtomic}, but never replaces a file: for keys, of which a second one would orphan the first.
 *
 * @throws Error with code `EEXIST` when there is one.
 */
export async function createFileAtomic(path: string, contents: string | Uint8Array, mode = PRIVATE_FILE): Promise<void> {
  await placed(path, contents, mode, link);
}

/**
 * Reads a file that holds a secret.
 *
 * @throws DomainError `key_file_unsafe` when anybody else may open it or it is another user's, with the command that
 *   mends it; the file system's own error when it is missing.
 */
export async function readPrivateFile(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    // Asked of the open file and not of the path, so that what is judged is what is read.
    const { mode, uid } = await file.stat();
    if (uid !== process.geteuid?.()) throw unsafe(path, `owned by uid ${uid}, want ${process.geteuid?.()}`, `chown ${process.geteuid?.()}`);
    if ((mode & OTHERS) !== 0) throw unsafe(path, `mode ${(mode & 0o777).toString(8)}, want 600`, 'chmod 600');
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

async function placed(path: string, contents: string | Uint8Array, mode: number, place: (from: string, to: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    await writeSynced(temporary, contents, mode);
    await place(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDir(dirname(path));
}

async function writeSynced(path: string, contents: string | Uint8Array, mode: number): Promise<void> {
  const file = await open(path, 'wx', mode);
  try {
    await file.writeFile(contents);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncDir(path: string): Promise<void> {
  const dir = await open(path, 'r');
  try {
    await dir.sync();
  } finally {
    await dir.close();
  }
}

function unsafe(path: string, found: string, command: string): DomainError {
  return new DomainError('key_file_unsafe', `${path}: ${found}; run: ${command} '${path}'`);
}
