import type { ServerConfig } from '../platform/config/server-config.js';
import { makePrivateDir } from '../platform/pem-files.js';
import { storeFile } from './state-files.js';
import { openStore, type OpenStore, type StoreOptions } from './store/open-store.js';

/** Opens the store that the configuration names. @throws DomainError `store_failed`. */
export async function openConfiguredStore(config: ServerConfig, deps: Omit<StoreOptions, 'file'>): Promise<OpenStore> {
  await makePrivateDir(config.workDir);
  return openStore({ ...deps, file: storeFile(config) });
}
