import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ServerConfig } from '../platform/config/server-config.js';

/** The file of the store. */
export function storeFile({ workDir }: Pick<ServerConfig, 'workDir'>): string {
  return join(workDir, 'db', 'nc.db');
}

/** The journal of what ended, which a restore goes by. */
export function journalFile({ workDir }: Pick<ServerConfig, 'workDir'>): string {
  return join(workDir, 'revocations.log');
}

/** What a server has beside its store, and cannot do without. */
const KEYS = ['pki', 'wireguard.key'] as const;

/** Which of the files with keys are not there. */
export function missingKeys({ workDir }: Pick<ServerConfig, 'workDir'>): string[] {
  return KEYS.map((file) => join(workDir, file)).filter((path) => !existsSync(path));
}
