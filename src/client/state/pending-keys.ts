import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { MemberKeys } from '../../platform/member-keys.js';
import { isThere, readPrivateFile, syncFolder, writeNewFile } from './safe-files.js';

const PREFIX = 'join-';

/**
 * The keys of a join that is under way: those on disk for this token, else new ones, on disk before they are returned.
 *
 * The controller recognises a repeated registration by its keys. With the keys on disk first, a join whose reply was lost, or whose
 * process died, becomes the same node with the same address when it is tried again with the same join string.
 *
 * @param make Called when there are none yet.
 */
export function pendingKeys(folder: string, tokenId: string, make: () => MemberKeys): MemberKeys {
  const pending = join(folder, `${PREFIX}${tokenId}`);
  if (!isThere(pending)) writeKeys(folder, pending, make());
  const key = (name: keyof MemberKeys): string => readPrivateFile(join(pending, `${name}.key`)).toString();
  return { grpc: key('grpc'), network: key('network'), wireguard: key('wireguard') };
}

/** Removes the keys of every join under way: the one that succeeded has them in its generation. */
export function forgetPendingKeys(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (name.startsWith(PREFIX)) rmSync(join(folder, name), { recursive: true });
  }
}

function writeKeys(folder: string, pending: string, keys: MemberKeys): void {
  const temporary = `${pending}.new`;
  rmSync(temporary, { recursive: true, force: true });
  mkdirSync(temporary, { mode: 0o700 });
  for (const [name, key] of Object.entries(keys)) writeNewFile(join(temporary, `${name}.key`), key as string);
  syncFolder(temporary);
  renameSync(temporary, pending);
  syncFolder(folder);
}
