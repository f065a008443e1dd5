import { readPrivateFile } from '../../platform/pem-files.js';
import { DomainError } from '../../domain/errors.js';
import type { SnapshotSettings, S3TargetSettings } from '../../platform/config/snapshot-config.js';
import { FolderTarget } from './folder-target.js';
import { S3Target } from './s3-target.js';
import { readSnapshotKey } from './sealed-file.js';
import { Snapshots } from './snapshots.js';
import type { SnapshotTarget } from './target.js';

/**
 * Opens the target that the configuration names; nothing is written yet, and nobody is asked.
 *
 * @param workDir The server's.
 * @throws DomainError `key_file_unsafe`, `config_invalid` for the key and the credentials.
 */
export async function openSnapshots({ target, keyFile }: SnapshotSettings, workDir: string): Promise<Snapshots> {
  const key = keyFile === undefined ? undefined : await readSnapshotKey(keyFile);
  return new Snapshots({ target: await targetOf(target), workDir, key });
}

async function targetOf(target: SnapshotSettings['target']): Promise<SnapshotTarget> {
  return 'folder' in target ? new FolderTarget(target.folder) : new S3Target({ ...target, credentials: await readCredentials(target) });
}

async function readCredentials({ credentialsFile: path }: S3TargetSettings): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  const text = await readPrivateFile(path).catch((cause: unknown) => {
    if (cause instanceof DomainError) throw cause;
    throw new DomainError('config_invalid', `server.snapshots.s3.credentialsFile: ${path} cannot be read: ${(cause as Error).message}`, { cause });
  });
  const [, accessKeyId, secretAccessKey] = /^([^:\s]+):(\S+)\s*$/.exec(text) ?? [];
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey };
  throw new DomainError('config_invalid', `server.snapshots.s3.credentialsFile: want "<access key id>:<secret access key>" in ${path}`);
}
