import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ClusterRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { silentLog } from '../../../src/platform/log.js';
import { systemClock } from '../../../src/platform/clock.js';
import { FolderTarget } from '../../../src/server/snapshots/folder-target.js';
import { Snapshots } from '../../../src/server/snapshots/snapshots.js';
import { keys } from '../../../src/server/store/keys.js';
import { openStore, type OpenStore } from '../../../src/server/store/open-store.js';
import type { Store } from '../../../src/server/store/store.js';
import { tmpDir } from '../../support/tmp-dir.js';

export const ORIGIN = { clusterId: 'c0ffee', epoch: 'first', createdAtMs: Date.UTC(2026, 4, 12, 18, 41, 11) };

/** A store in a folder of its own, closed when the test is over. */
export async function aStore(dir = tmpDir()): Promise<OpenStore> {
  const opened = await openStore({ file: join(dir, 'nc.db'), clock: systemClock, log: silentLog });
  onTestFinished(() => opened.close());
  return opened;
}

/** The record of the cluster that {@link ORIGIN} names. */
export function clusterRecord(): Uint8Array {
  return ClusterRecord.encode({ id: ORIGIN.clusterId, epoch: ORIGIN.epoch, createdAtMs: 1, wgPublicKey: Buffer.alloc(0) }).finish();
}

/** A store with a cluster and `nodes` names, one revision each. */
export async function filledStore(nodes = 25): Promise<OpenStore> {
  const opened = await aStore();
  await opened.store.txn({ if: [], then: [{ put: keys.cluster(), value: clusterRecord() }] });
  await Promise.all(Array.from({ length: nodes }, (_, i) => putName(opened.store, `node-${i}`, `${i}`)));
  return opened;
}

/** Gives a name an owner. */
export async function putName(store: Store, name: string, owner: string): Promise<bigint> {
  const value = Buffer.concat([Buffer.from([0x0a, owner.length]), Buffer.from(owner)]);
  return (await store.txn({ if: [], then: [{ put: keys.name('default', name), value }] })).rev;
}

/** Everything a store holds, for comparing. */
export async function dump(store: Store): Promise<string[]> {
  const lines: string[] = [];
  for await (const page of store.list('/')) lines.push(...page.map(({ key, value }) => `${key}=${Buffer.from(value).toString('hex')}`));
  return lines;
}

/** Snapshots in a folder of their own. */
export function folderSnapshots(options: { target?: string; key?: Buffer } = {}) {
  const dir = options.target ?? tmpDir();
  return { dir, snapshots: new Snapshots({ target: new FolderTarget(dir), workDir: tmpDir(), key: options.key }) };
}
