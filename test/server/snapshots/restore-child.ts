import { readFileSync } from 'node:fs';
import { systemClock } from '../../../src/platform/clock.js';
import { silentLog } from '../../../src/platform/log.js';
import { restore } from '../../../src/server/snapshots/restore.js';
import { EtcdStore } from '../../../src/server/store/etcd/etcd-store.js';
import { openStore } from '../../../src/server/store/open-store.js';
import type { Store } from '../../../src/server/store/store.js';

/**
 * Restores a snapshot, until it is killed, and says when it begins. Not a test: those of power cuts start it, with a SQLite file, or with
 * "etcd" and its endpoints and files in the environment.
 */
const [file = '', path = ''] = process.argv.slice(2);
const store = file === 'etcd' ? await openEtcd() : (await openStore({ file, clock: systemClock, log: silentLog })).store;
process.stdout.write('begins\n');
await restore(store, { path, key: undefined, journal: '', acceptUnknownRevocations: true, nowMs: Date.now() });
await store.close();
process.stdout.write('done\n');

function openEtcd(): Promise<Store> {
  const { endpoints, tls } = JSON.parse(process.env['ETCD'] ?? '') as { endpoints: string[]; tls: Record<'ca' | 'cert' | 'key', string> };
  const files = { ca: readFileSync(tls.ca), cert: readFileSync(tls.cert), key: readFileSync(tls.key) };
  return EtcdStore.open({ endpoints, tls: files, requestTimeoutMs: 5_000, allowOldVersion: true, clock: systemClock, log: silentLog });
}
