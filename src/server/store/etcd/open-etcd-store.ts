import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { DomainError } from '../../../domain/errors.js';
import type { EtcdSettings } from '../../../platform/config/store-settings.js';
import { DEFAULT_HISTORY, horizon } from '../history.js';
import type { OpenStore, StoreOptions } from '../open-store.js';
import { StoreRepository } from '../repository.js';
import { SqliteView } from '../sqlite-view.js';
import type { EtcdTls } from './etcd-member.js';
import { EtcdStore } from './etcd-store.js';
import { ReplicaFile } from './replica-file.js';
import { ReplicaStore } from './replica-store.js';

/**
 * Opens the store in etcd, with its local copy in the folder of `file`. The copy is named after the etcd cluster, since revisions mean
 * nothing in another one.
 *
 * @throws DomainError `store_failed`: no member of etcd can be reached, one is too old, a file of TLS cannot be read, or the copy
 *   cannot be written or is open in another process.
 */
export async function openEtcdStore(settings: EtcdSettings, folder: string, { clock, log }: Pick<StoreOptions, 'clock' | 'log'>): Promise<OpenStore> {
  const { endpoints, requestTimeoutMs, allowOldVersion } = settings;
  const etcd = await EtcdStore.open({ endpoints, tls: await readTls(settings), requestTimeoutMs, allowOldVersion, clock, log });
  const opening: { close(): Promise<void> }[] = [etcd];
  try {
    const file = await openFile(folder, etcd, clock, log);
    const store = new ReplicaStore(etcd, file, clock, log);
    opening[0] = store;
    await store.start();
    const repository = new StoreRepository(store, new SqliteView(file.snapshot), file.feed);
    return {
      file: file.path,
      store,
      repository,
      failed: file.failed,
      staleMs: () => etcd.silentMs,
      lease: (ttlSeconds) => etcd.lease(ttlSeconds),
      async forgetHistory(policy = DEFAULT_HISTORY) {
        const rev = horizon(file.snapshot.log, file.feed.rev, policy, clock.now());
        if (rev > file.snapshot.log.compactRev) await store.compact(rev);
        return rev;
      },
      close: () => store.close(),
    };
  } catch (error) {
    await opening[0]?.close();
    throw error;
  }
}

async function openFile(folder: string, etcd: EtcdStore, clock: StoreOptions['clock'], log: StoreOptions['log']): Promise<ReplicaFile> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const name = `etcd-${etcd.clusterId.toString(16)}.db`;
  const file = await ReplicaFile.open(join(folder, name), clock, log);
  const current = await etcd.currentRev();
  if (file.feed.rev <= current) return file;
  log.warn('etcd is behind its local copy, as after a restore; making the copy anew', { rev: file.feed.rev.toString(), etcd: current.toString() });
  await file.close();
  for (const old of readdirSync(folder).filter((entry) => entry.startsWith(name))) rmSync(join(folder, old));
  return ReplicaFile.open(join(folder, name), clock, log);
}

/** The files of TLS that the settings name; undefined for none. @throws DomainError `store_failed`. */
export async function readTls({ ca, cert, key }: EtcdSettings): Promise<EtcdTls | undefined> {
  if (ca === undefined || cert === undefined || key === undefined) return undefined;
  const [caPem, certPem, keyPem] = await Promise.all([ca, cert, key].map(read));
  return { ca: caPem as Buffer, cert: certPem as Buffer, key: keyPem as Buffer };
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new DomainError('store_failed', `${path}: want a file in PEM for the connection to etcd: ${(cause as Error).message}`, { cause });
  }
}
