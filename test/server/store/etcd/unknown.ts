import { randomUUID } from 'node:crypto';
import { UnknownOutcome, type Store, type Transaction, type TransactionResult } from '../../../../src/server/store/store.js';
import type { EtcdCluster } from '../../../support/etcd.js';
import type { Replicas } from '../conformance.js';

/** More would be refused; no test asks for as many when a member is killed. */
const ROOM_FOR_ID = 119;

/**
 * The store, with each transaction marked by an id of its own, so that one whose outcome is unknown can be asked again: either it is
 * there already, or it is done now.
 */
export function resolved(store: Store): Store {
  return derived(store, {
    async txn(transaction, options) {
      if (transaction.if.length > ROOM_FOR_ID || transaction.then.length > ROOM_FOR_ID) return store.txn(transaction, options);
      const key = `/requests/${randomUUID()}`;
      const marked: Transaction = { ...transaction, if: [...transaction.if, { key, absent: true }], then: [...transaction.then, { put: key, value: Buffer.alloc(0) }] };
      for (;;) {
        try {
          const result = await store.txn(marked, options);
          const own = result.ok ? undefined : await store.get(key, { linearizable: true });
          return own ? { ok: true, rev: own.modRev, found: [] } : result;
        } catch (error) {
          if (!(error instanceof UnknownOutcome)) throw error;
        }
      }
    },
  });
}

/** After so many transactions in all, while many are on their way at once. */
const KILLED_AFTER = 100;

/** Stores on `cluster`, whose leader is killed with SIGKILL after some transactions and started again later. */
export function killedMidway(stores: Replicas['stores'], cluster: EtcdCluster): Replicas['stores'] {
  let count = 0;
  const counting = (store: Store): Store =>
    derived(store, {
      txn(transaction, options): Promise<TransactionResult> {
        if (++count === KILLED_AFTER) void kill(cluster);
        return store.txn(transaction, options);
      },
    });
  const [one, two, three] = stores;
  return [counting(one), counting(two), counting(three)];
}

async function kill(cluster: EtcdCluster): Promise<void> {
  const leader = await cluster.leader();
  if (leader === undefined) throw new Error('etcd has no leader to kill');
  await cluster.signal(leader, 'SIGKILL');
  await cluster.restart(leader);
}

function derived(store: Store, change: Pick<Store, 'txn'>): Store {
  return {
    ...change,
    get: (...args) => store.get(...args),
    list: (...args) => store.list(...args),
    watch: (...args) => store.watch(...args),
    currentRev: () => store.currentRev(),
    campaign: (...args) => store.campaign(...args),
    compact: (rev) => store.compact(rev),
    close: () => store.close(),
  };
}
