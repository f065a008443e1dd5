import { closeSync, fchmodSync, fsyncSync, lstatSync, mkdirSync, openSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DomainError } from '../../domain/errors.js';

/** Everything but the owner's own bits. */
const OTHERS = 0o077;

/**
 * Makes `path` (and what is missing above it) a folder that only its owner can enter.
 *
 * @throws DomainError `key_file_unsafe` when it exists and others may enter it, or it belongs to somebody else.
 */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  refuseLoose(path, 'folder', '700');
}

/**
 * Reads a file that nobody but its owner may open.
 *
 * @throws DomainError `key_file_unsafe` when group or others have any permission on it, or it belongs to somebody else.
 */
export function readPrivateFile(path: string): Buffer {
  refuseLoose(path, 'file', '600');
  return readFileSync(path);
}

/** Writes a new file with mode 0600 and waits until the disk has it. The file must not exist. */
export function writeNewFile(path: string, content: string | Uint8Array): void {
  const handle = openSync(path, 'wx', 0o600);
  try {
    // The umask may only take bits away, never add; said again so that the mode is exact.
    fchmodSync(handle, 0o600);
    writeFileSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Replaces a file as one step: a reader, or a crash, sees the old content or the new, never a part. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const handle = openSync(temporary, 'w', 0o600);
  try {
    writeFileSync(handle, content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Waits until the disk has the folder's entries: a rename is durable only then. @see rename(2), fsync(2) */
export function syncFolder(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** Whether something, a dangling link included, is at `path`. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function refuseLoose(path: string, kind: 'file' | 'folder', want: string): void {
  const { mode, uid } = statSync(path);
  if (uid !== process.getuid?.() && uid !== 0) {
    throw new DomainError('key_file_unsafe', `${path}: the ${kind} belongs to user ${uid}; want it to belong to the user the agent runs as (chown)`);
  }
  if ((mode & OTHERS) !== 0) {
    const has = (mode & 0o777).toString(8);
    throw new DomainError('key_file_unsafe', `${path}: want mode ${want}, found ${has}: others can reach private keys; run: chmod ${want} ${path}`);
  }
}
