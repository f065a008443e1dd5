import { dirname } from 'node:path';
import type { EtcdSettings } from '../platform/config/store-settings.js';
import type { ServerConfig } from '../platform/config/server-config.js';
import { makePrivateDir } from '../platform/pem-files.js';
import { storeFile } from './state-files.js';
import type { MemberHealth } from './store/etcd/etcd-health.js';
import { openStore, type OpenStore, type StoreOptions } from './store/open-store.js';

/** Opens the store that the configuration names. The code for etcd is loaded only where it is used. @throws DomainError `store_failed`. */
export async function openConfiguredStore(config: ServerConfig, deps: Omit<StoreOptions, 'file'>): Promise<OpenStore> {
  await makePrivateDir(config.workDir);
  if (config.store.engine === 'sqlite') return openStore({ ...deps, file: storeFile(config) });
  const { openEtcdStore } = await import('./store/etcd/open-etcd-store.js');
  return openEtcdStore(config.store, dirname(storeFile(config)), deps);
}

/** What each member of etcd shows of itself. @throws DomainError `store_failed` when a file of TLS cannot be read. */
export async function lookAtEtcd(settings: EtcdSettings): Promise<readonly MemberHealth[]> {
  const { etcdHealth } = await import('./store/etcd/etcd-health.js');
  return etcdHealth(settings);
}
