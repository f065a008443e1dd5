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
