import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '@grpc/grpc-js';
import { EtcdMember } from '../src/server/store/etcd/etcd-member.js';
import { EtcdStore } from '../src/server/store/etcd/etcd-store.js';
import { requestOf, sendable } from '../src/server/store/etcd/batch.js';
import { UnknownOutcome, type Transaction, type WatchMessage } from '../src/server/store/store.js';
import type { EtcdCluster } from '../test/support/etcd.js';
import { runAll } from './bench.js';

/** As many single requests as etcd is fastest with. */
const MANY = 64;
const CALLERS = 256;
/** The two that are compared take turns, so that what disturbs one disturbs the other. */
const TURNS = 8;
const TURN_MS = 200;
/** What a registration writes, about: node, name, key, exchange, use, address, two certificates, audit. */
const SIZES = [1_200, 30, 30, 40, 30, 20, 220, 220, 150];
/** As the default of `store.requestTimeout`. */
const REQUEST_TIMEOUT_MS = 500;
const WRITE_EVERY_MS = 5;
const BEFORE_MS = 500;
const AFTER_MS = 4_000;

/** Transactions a second of the shape of a registration. */
export interface StoreRates {
  /** Asked of etcd as they are, one after the other. */
  readonly rawInTurn: number;
  /** The same through the driver. */
  readonly inTurn: number;
  /** Asked of etcd as they are, many at a time. */
  readonly rawAtOnce: number;
  /** Through the driver, which sends what waits together. */
  readonly grouped: number;
}

/** Measures one round, one after the other on the same cluster. */
export async function storeRates(cluster: EtcdCluster): Promise<StoreRates> {
  const leader = (await cluster.leader()) ?? 0;
  const member = new EtcdMember(cluster.endpoints[leader]!, cluster.options().tls);
  const store = await EtcdStore.open(cluster.options(leader));
  try {
    const raw = (transaction: Transaction): Promise<unknown> => rawTxn(member, transaction);
    const ours = (transaction: Transaction): Promise<unknown> => store.txn(transaction);
    const [rawInTurn, inTurn] = await rates([1, raw], [1, ours]);
    const [rawAtOnce, grouped] = await rates([MANY, raw], [CALLERS, ours]);
    return { rawInTurn, inTurn, rawAtOnce, grouped };
  } finally {
    await store.close();
    member.close();
  }
}

/** The longest time without an acknowledged write around `signal` to the leader, ms; the writer asks the leader first. */
export async function writeGap(cluster: EtcdCluster, signal: 'SIGKILL' | 'SIGTERM'): Promise<number> {
  await cluster.healthy();
  const leader = (await cluster.leader()) ?? 0;
  const store = await EtcdStore.open({ ...cluster.options(leader), requestTimeoutMs: REQUEST_TIMEOUT_MS });
  let [last, gap, isOver] = [performance.now(), 0, false];
  const writing = (async () => {
    while (!isOver) {
      const isDone = await store.txn({ if: [], then: [{ put: '/bench/gap', value: Buffer.alloc(250) }] }).then(() => true, onlyLost);
      if (isDone) [gap, last] = [Math.max(gap, performance.now() - last), performance.now()];
      await sleep(WRITE_EVERY_MS);
    }
  })();
  await sleep(BEFORE_MS);
  gap = 0;
  await cluster.signal(leader, signal);
  await sleep(AFTER_MS);
  isOver = true;
  await writing;
  await store.close();
  await cluster.restart(leader);
  return gap;
}

/** From the acknowledgement of a write to its event on a watch at another member, ms, of each of `count` writes. */
export async function watchDelays(cluster: EtcdCluster, count: number): Promise<number[]> {
  const [writer, watcher] = await Promise.all([0, 1].map((first) => EtcdStore.open(cluster.options(first)))) as [EtcdStore, EtcdStore];
  const seen = new Map<bigint, number>();
  const watch = watcher.watch('/bench/watch', await writer.currentRev(), (message: WatchMessage) => {
    if (message.kind === 'events') seen.set(message.rev, performance.now());
  });
  const acknowledged = new Map<bigint, number>();
  for (let i = 0; i < count; i++) {
    const { rev } = await writer.txn({ if: [], then: [{ put: '/bench/watch', value: Buffer.alloc(250) }] });
    acknowledged.set(rev, performance.now());
  }
  while (seen.size < count) await sleep(5);
  watch.close();
  await Promise.all([writer.close(), watcher.close()]);
  return [...acknowledged].map(([rev, atMs]) => Math.max(0, (seen.get(rev) ?? Number.NaN) - atMs));
}

/** How many callers there are at once, and what each of them does. */
type Way = readonly [inFlight: number, commit: (transaction: Transaction) => Promise<unknown>];

async function rates(...ways: readonly [Way, Way]): Promise<[number, number]> {
  const sums: [number, number] = [0, 0];
  for (let turn = 0; turn < TURNS; turn++) {
    for (const [i, [inFlight, commit]] of ways.entries()) sums[i]! += (await runAll(registrations(), { inFlight, limitMs: TURN_MS }, commit)).perSecond;
  }
  return [sums[0] / TURNS, sums[1] / TURNS];
}

function* registrations(): Generator<Transaction> {
  for (;;) yield registrationLike();
}

function registrationLike(): Transaction {
  const id = randomUUID();
  const puts = SIZES.map((bytes, i) => ({ put: `/bench/${i}/${id}`, value: Buffer.alloc(bytes, 7) }));
  return { if: puts.slice(0, 7).map(({ put: key }) => ({ key, absent: true })), then: puts };
}

function rawTxn({ kv }: EtcdMember, transaction: Transaction): Promise<unknown> {
  return new Promise((resolve, reject) => {
    kv.txn(requestOf([sendable(transaction, [])]), new Metadata(), { deadline: Date.now() + 10_000 }, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** While there is no leader a write fails, or nobody knows. */
function onlyLost(error: unknown): false {
  if (error instanceof UnknownOutcome || (error instanceof Error && 'code' in error)) return false;
  throw error;
}
