import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { EtcdStore } from '../../../src/server/store/etcd/etcd-store.js';
import type { Store } from '../../../src/server/store/store.js';
import type { EtcdCluster } from '../../support/etcd.js';
import type { TestServer } from '../../support/server.js';
import { aStore } from './support.js';

/** An engine of the store, for tests that want the same of all. */
export interface Engine {
  readonly name: 'SQLite' | 'etcd';
  /** What a server on it has in its server.yml, beside what a test sets. */
  settings(): readonly string[];
  /** An empty store, closed when the test is over. */
  emptyStore(): Promise<Store>;
  /** Stops a server and loses all records of its store. */
  lose(server: TestServer): Promise<void>;
}

/** The store in a file of the server's folder. */
export const onSqlite: Engine = {
  name: 'SQLite',
  settings: () => [],
  emptyStore: async () => (await aStore()).store,
  async lose(server) {
    await server.stop();
    rmSync(join(server.dir, 'work', 'db'), { recursive: true });
  },
};

/** The store in an etcd, which holds one cluster at a time. @param cluster Starts it before the first test. */
export function onEtcd(cluster: () => EtcdCluster): Engine {
  return {
    name: 'etcd',
    settings() {
      const { endpoints, tls } = cluster();
      return [`store: { engine: etcd, endpoints: ${JSON.stringify(endpoints)}, ca: ${tls.ca}, cert: ${tls.cert}, key: ${tls.key}, allowOldVersion: true, requestTimeout: 5s }`];
    },
    async emptyStore() {
      const store = await EtcdStore.open(cluster().options());
      onTestFinished(() => store.close());
      await clear(store);
      return store;
    },
    async lose(server) {
      await server.stop();
      const store = await EtcdStore.open(cluster().options());
      await clear(store);
      await store.close();
    },
  };
}

async function clear(store: Store): Promise<void> {
  for await (const page of store.list('/', { pageSize: 100 })) if (page.length > 0) await store.txn({ if: [], then: page.map(({ key }) => ({ del: key })) });
}
