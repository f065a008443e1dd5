import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../../src/platform/clock.js';
import { silentLog } from '../../../../src/platform/log.js';
import { EtcdStore } from '../../../../src/server/store/etcd/etcd-store.js';
import { ReplicaFile } from '../../../../src/server/store/etcd/replica-file.js';
import { ReplicaStore } from '../../../../src/server/store/etcd/replica-store.js';
import { keys } from '../../../../src/server/store/keys.js';
import type { Operation, Transaction, WatchMessage } from '../../../../src/server/store/store.js';
import { EtcdCluster, noEtcd } from '../../../support/etcd.js';
import { tmpDir } from '../../../support/tmp-dir.js';
import { until } from '../../../support/until.js';
import { putAddress, putNode, putPresence, putToken } from '../records.js';
import { events, tables } from '../tables.js';

const write = (...then: Operation[]): Transaction => ({ if: [], then });

describe.skipIf(noEtcd)(`the local copy of etcd${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  });
  afterAll(() => cluster?.stop());

  interface Copy {
    readonly store: ReplicaStore;
    readonly file: ReplicaFile;
  }

  async function open(path: string): Promise<Copy> {
    const etcd = await EtcdStore.open(cluster.options());
    const file = await ReplicaFile.open(path, systemClock, silentLog);
    const store = new ReplicaStore(etcd, file, systemClock, silentLog);
    onTestFinished(() => store.close());
    await store.start();
    return { store, file };
  }

  it('is the same however it came about: followed from the start, caught up, or copied anew', async () => {
    const dir = tmpDir();
    const followed = await open(join(dir, 'followed.db'));
    const absent = await open(join(dir, 'absent.db'));
    await followed.store.txn(write(putNode({ id: 'kept' }), putNode({ id: 'gone' }), putNode({ id: 'again' }), putPresence({ nodeId: 'kept', state: 3 })));
    await absent.store.txn(write(putToken({ id: 't1' })));
    await absent.store.close();

    const { store } = followed;
    await store.txn(write({ del: keys.node('default', 'gone') }, putAddress('default', '10.66.0.9', { nodeId: 'kept' })));
    await store.txn(write({ del: keys.node('default', 'again') }));
    await store.txn(write(putNode({ id: 'again', name: 'other' })));
    const caughtUp = await open(join(dir, 'absent.db'));
    const copied = await open(join(dir, 'copied.db'));

    const [all, late, made] = [followed, caughtUp, copied].map(({ file }) => tables(file.snapshot.db));
    expect(late).toEqual(all);
    expect(made).toEqual(all);
    expect(events(caughtUp.file.snapshot.db)).toEqual(events(followed.file.snapshot.db));
  });

  it('tells what changed as one revision when etcd has forgotten the way there', async () => {
    const dir = tmpDir();
    const first = await open(join(dir, 'first.db'));
    await first.store.txn(write(putNode({ id: 'stays' }), putNode({ id: 'goes' }), putNode({ id: 'changes' })));
    const before = first.file.feed.rev;
    await first.store.close();
    const etcd = await EtcdStore.open(cluster.options());
    onTestFinished(() => etcd.close());
    await etcd.txn(write({ del: keys.node('default', 'goes') }, putNode({ id: 'changes', name: 'changed' })));
    const { rev } = await etcd.txn(write(putNode({ id: 'comes' })));
    await etcd.compact(rev);

    const again = await open(join(dir, 'first.db'));
    const told: WatchMessage[] = [];
    again.store.watch('/nc/v1/n/', before + 1n, (message) => told.push(message));

    const [change] = await until(() => told.some(({ kind }) => kind === 'events') && told, 'the difference');
    expect(change).toMatchObject({ kind: 'events', rev });
    const changed = change?.kind === 'events' ? change.events.map(({ type, key }) => `${type} ${key.split('/').at(-1)}`) : [];
    expect(changed.sort()).toEqual(['delete goes', 'put changes', 'put comes']);
    const record = await again.store.get(keys.node('default', 'changes'));
    expect(record).toEqual(await etcd.get(keys.node('default', 'changes')));
  });

  it('shows a transaction to reads here by the time it is answered', async () => {
    const { store, file } = await open(join(tmpDir(), 'own.db'));
    for (let i = 0; i < 20; i++) {
      const { rev } = await store.txn(write(putToken({ id: `own-${i}` })));
      expect(file.feed.rev).toBeGreaterThanOrEqual(rev);
      expect((await store.get(keys.token(`own-${i}`)))?.modRev).toBe(rev);
    }
  });

  it('goes on after a record that is none, which every reader of its kind refuses', async () => {
    const { store } = await open(join(tmpDir(), 'bad.db'));
    await store.txn(write({ put: keys.token('bad'), value: Buffer.from([0xff, 0xff]) }));
    const { rev } = await store.txn(write(putToken({ id: 'good' })));

    expect((await store.get(keys.token('good')))?.modRev).toBe(rev);
    expect((await store.get(keys.token('bad')))?.value).toEqual(Buffer.from([0xff, 0xff]));
    await store.txn(write({ del: keys.token('bad') }));
  });
});
