import { describe } from 'vitest';
import { EtcdStore } from '../../../../src/server/store/etcd/etcd-store.js';
import { EtcdCluster, noEtcd } from '../../../support/etcd.js';
import { describeStore, type Replicas } from '../conformance.js';
import { killedMidway, resolved } from './unknown.js';

async function replicasOn(cluster: EtcdCluster): Promise<Replicas> {
  const [a, b, c] = await Promise.all([0, 1, 2].map((first) => EtcdStore.open(cluster.options(first))));
  const stores = [a, b, c] as [EtcdStore, EtcdStore, EtcdStore];
  return {
    stores,
    elapse: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 1_000))),
    async close() {
      await Promise.all(stores.map((store) => store.close()));
      await cluster.stop();
    },
  };
}

describe.skipIf(noEtcd)(`a cluster of etcd${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  describeStore('three members of etcd', async () => replicasOn(await EtcdCluster.start()));

  describeStore('etcd whose leader is killed in the middle', async () => {
    const cluster = await EtcdCluster.start();
    const { stores, ...replicas } = await replicasOn(cluster);
    const [one, two, three] = stores.map(resolved);
    return { ...replicas, stores: killedMidway([one, two, three] as Replicas['stores'], cluster) };
  });
});
