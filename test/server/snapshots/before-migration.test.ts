import Database from 'better-sqlite3';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ClusterRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { systemClock } from '../../../src/platform/clock.js';
import { silentLog } from '../../../src/platform/log.js';
import { startServer } from '../../../src/server/app.js';
import { snapshotBeforeMigration } from '../../../src/server/snapshots/before-migration.js';
import { keys } from '../../../src/server/store/keys.js';
import { testConfig } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { aStore, folderSnapshots, ORIGIN } from './support.js';

/** A store as the version before this one left it, with or without a cluster. */
function olderStore(dir: string, hasCluster = true): { file: string; version: () => number } {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, 'nc.db');
  const migrations = readdirSync('migrations').sort().slice(0, -1);
  const db = new Database(file);
  for (const name of migrations) db.exec(readFileSync(join('migrations', name), 'utf8'));
  db.pragma(`user_version = ${migrations.length}`);
  const put = db.prepare('INSERT INTO kv (key, value, create_rev, mod_rev) VALUES (?, ?, 1, 1)');
  if (hasCluster) put.run(keys.cluster(), ClusterRecord.encode({ id: ORIGIN.clusterId, epoch: ORIGIN.epoch, createdAtMs: 1, wgPublicKey: Buffer.alloc(0) }).finish());
  put.run(keys.name('default', 'web-1'), Buffer.from('0a0178', 'hex'));
  db.exec(`UPDATE meta SET value = 7 WHERE name = 'rev'`);
  db.close();
  return {
    file,
    version() {
      const read = new Database(file, { readonly: true });
      const version = read.pragma('user_version', { simple: true }) as number;
      read.close();
      return version;
    },
  };
}

describe('before tables are changed', () => {
  it('the start is refused when no snapshot can be taken, and nothing is changed', async () => {
    const dir = tmpDir();
    writeFileSync(join(dir, 'taken'), '');
    const config = testConfig(dir, ['snapshots: { target: taken }']);
    const { version } = olderStore(join(config.workDir, 'db'));
    const before = version();

    await expect(startServer(config, { log: silentLog })).rejects.toMatchObject({ code: 'snapshot_failed', message: expect.stringContaining('--unsafe-no-snapshot') });

    expect(version()).toBe(before);
  });

  it('they are changed without one when that is asked for', async () => {
    const dir = tmpDir();
    writeFileSync(join(dir, 'taken'), '');
    const config = testConfig(dir, ['snapshots: { target: taken }']);
    const { version } = olderStore(join(config.workDir, 'db'));
    const before = version();

    // The keys of this cluster are nowhere, so it goes no further than that.
    await expect(startServer(config, { log: silentLog, unsafeNoSnapshot: true })).rejects.toMatchObject({ code: expect.not.stringMatching(/^snapshot_/) });

    expect(version()).toBe(before + 1);
  });

  it('a verified snapshot of the old ones is taken', async () => {
    const { file, version } = olderStore(tmpDir());
    const { snapshots } = folderSnapshots();
    const before = version();

    await snapshotBeforeMigration({ snapshots, clock: systemClock, log: silentLog })(file);

    expect(await snapshots.verify('')).toMatchObject({ clusterId: ORIGIN.clusterId, epoch: ORIGIN.epoch, revision: 7n, counts: { cluster: 1, name: 1 } });
    expect(version()).toBe(before);
  });

  it('none is taken of a store that needs no change, holds no cluster, is none, or is not there', async () => {
    const { snapshots } = folderSnapshots();
    const take = snapshotBeforeMigration({ snapshots, clock: systemClock, log: silentLog });
    const current = tmpDir();
    await (await aStore(current)).close();
    const empty = join(tmpDir(), 'nc.db');
    writeFileSync(empty, '');

    for (const file of [join(current, 'nc.db'), olderStore(tmpDir(), false).file, empty, join(tmpDir(), 'nc.db')]) await take(file);

    expect(await snapshots.list()).toEqual([]);
  });
});
