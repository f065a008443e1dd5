import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { EtcdStore } from '../../../src/server/store/etcd/etcd-store.js';
import { keys } from '../../../src/server/store/keys.js';
import { aStore, dump } from '../snapshots/support.js';
import { EtcdCluster, noEtcd } from '../../support/etcd.js';
import { report } from '../../support/renewals.js';
import { startTestServer } from '../../support/server.js';
import { serverCommand } from '../../support/server-cli.js';

/** All but what a move changes. */
const withoutCluster = (lines: readonly string[]): string[] => lines.filter((line) => !line.startsWith(keys.cluster()));

describe.skipIf(noEtcd !== undefined)(`a cluster between SQLite and etcd${noEtcd === undefined ? '' : ` (${noEtcd})`}`, () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await EtcdCluster.start();
  }, 60_000);
  afterAll(() => etcd?.stop());

  it('moves to etcd and back with the same records, and its snapshots restore into either', async () => {
    const onEtcd = [`store: { engine: etcd, endpoints: ${JSON.stringify(etcd.endpoints)}, ca: ${etcd.tls.ca}, cert: ${etcd.tls.cert}, key: ${etcd.tls.key}, allowOldVersion: true, requestTimeout: 5s }`];
    const first = await startTestServer();
    const { dir } = first;
    const member = await first.join(await first.token());
    await first.stop();
    const other = join(dir, 'etcd.yml');
    writeFileSync(other, `server:\n  workDir: work\n  ${onEtcd[0]}\n`);
    const sqlite = await aStore(join(dir, 'work', 'db'));
    const before = withoutCluster(await dump(sqlite.store));
    await sqlite.close();

    const there = await serverCommand(dir, ['store', 'migrate', '--to', other]);
    const store = await EtcdStore.open(etcd.options());
    const after = withoutCluster(await dump(store));
    await store.close();
    rmSync(join(dir, 'work', 'db', 'nc.db'));
    const served = await startTestServer({ dir, settings: onEtcd });
    await report(served, member);
    const saved = (await callUnary(served.admin, 'saveSnapshot', {})).snapshot!;
    await served.stop();
    rmSync(join(dir, 'work', 'db'), { recursive: true });
    const restored = await serverCommand(dir, ['snapshot', 'restore', saved.name]);
    const again = await startTestServer({ dir });
    await report(again, member);

    expect(after).toEqual(before);
    expect(before.length).toBeGreaterThan(5);
    expect(there).toMatchObject({ exitCode: 0, result: { clusterId: first.clusterId } });
    expect(saved).toMatchObject({ clusterId: first.clusterId, epoch: (there.result as { epoch: string }).epoch });
    expect(restored).toMatchObject({ exitCode: 0, result: { clusterId: first.clusterId, revocationsKnown: true } });
  }, 120_000);
});
