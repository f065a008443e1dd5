import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { EtcdStore } from '../../../../src/server/store/etcd/etcd-store.js';
import type { WatchMessage } from '../../../../src/server/store/store.js';
import { EtcdCluster, noEtcd } from '../../../support/etcd.js';
import { TcpProxy } from '../../../support/tcp-proxy.js';
import { until } from '../../../support/until.js';

/** A watch falls silent for six seconds before it is replaced. */
const PATIENCE_MS = 60_000;

describe.skipIf(noEtcd)(`a watch of etcd${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: EtcdCluster;
  let store: EtcdStore;
  let proxies: readonly TcpProxy[];

  beforeAll(async () => {
    cluster = await EtcdCluster.start();
    store = await EtcdStore.open(cluster.options());
    proxies = await Promise.all(cluster.endpoints.map((endpoint) => TcpProxy.start(Number(new URL(endpoint).port))));
  });
  afterAll(async () => {
    await store?.close();
    await cluster?.stop();
    await Promise.all((proxies ?? []).map((proxy) => proxy.close()));
  });

  /** Watches `prefix` through the proxies, the first of them first, and says what comes; it has heard of a write when the promise resolves. */
  async function watched(prefix: string): Promise<{ revs(): bigint[]; kinds(): Set<string> }> {
    const endpoints = proxies.map(({ port }) => `https://127.0.0.1:${port}`);
    const through = await EtcdStore.open({ ...cluster.options(), endpoints });
    onTestFinished(() => through.close());
    const messages: WatchMessage[] = [];
    through.watch(prefix, (await store.currentRev()) + 1n, (message) => messages.push(message));
    const revs = (): bigint[] => messages.flatMap((message) => (message.kind === 'events' ? [message.rev] : []));
    await write(prefix, 1);
    await until(() => revs().length === 1, 'the first event', PATIENCE_MS);
    return { revs, kinds: () => new Set(messages.map(({ kind }) => kind)) };
  }

  async function write(prefix: string, count: number, bytes = 10): Promise<bigint[]> {
    const revs: bigint[] = [];
    for (let i = 0; i < count; i++) revs.push((await store.txn({ if: [], then: [{ put: `${prefix}${i}`, value: Buffer.alloc(bytes) }] })).rev);
    return revs;
  }

  it('is replaced when its member falls silent with the connection open, and has missed nothing', async () => {
    const { revs, kinds } = await watched('/silent/');
    const mend = proxies[0]!.loseReplies();
    onTestFinished(mend);

    const missed = await write('/silent/', 20);

    await until(() => revs().length === 21, 'what was missed', PATIENCE_MS);
    expect(revs().slice(1)).toEqual(missed);
    expect(kinds()).not.toContain('compacted');
  });

  it('that is read too slowly gets everything in order once it is read on', async () => {
    const { revs } = await watched('/slow/');
    const goOn = proxies.map((proxy) => proxy.hold());

    const missed = await write('/slow/', 150, 100_000);
    for (const each of goOn) each();

    await until(() => revs().length === 151, 'all events', PATIENCE_MS);
    expect(revs().slice(1)).toEqual(missed);
  });

  it('says that history is compacted when it comes back too late for it, and then nothing more', async () => {
    const { revs, kinds } = await watched('/late/');
    const mend = proxies.map((proxy) => proxy.loseReplies());
    const missed = await write('/late/', 5);
    await store.compact(missed.at(-1)!);

    for (const each of mend) each();

    await until(() => kinds().has('compacted'), 'the word that it is too late', PATIENCE_MS);
    await write('/late/', 1);
    expect(revs()).toHaveLength(1);
  });
});
