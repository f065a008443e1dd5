import { Metadata, type CallOptions } from '@grpc/grpc-js';
import { DomainError } from '../../../domain/errors.js';
import type { LeaseKeepAliveResponse, RangeRequest, RangeResponse, StatusResponse } from '../../../gen/etcd/etcd.js';
import type { Clock } from '../../../platform/clock.js';
import type { Log } from '../../../platform/log.js';
import { checkTransaction } from '../check-transaction.js';
import { campaign, type Claim, type Electorate } from '../leadership.js';
import { UnknownOutcome, type Leadership, type Lease, type ListOptions, type Store, type StoreRecord, type StoreWatch, type Transaction, type TransactionResult, type WatchMessage } from '../store.js';
import { listRecords } from './etcd-list.js';
import type { EtcdMember } from './etcd-member.js';
import { EtcdMembers, withLeader, type EtcdAddress } from './etcd-members.js';
import { rangeOf, toRecord } from './etcd-terms.js';
import { checkVersion } from './etcd-version.js';
import { EtcdWatch, type WatchDeps } from './etcd-watch.js';
import { GroupCommit } from './group-commit.js';
import { LeaseBook } from './lease-book.js';

/** What a store on etcd is opened with. */
export interface EtcdOptions extends EtcdAddress {
  /** Takes an etcd with known faults, saying so in the log. */
  readonly allowOldVersion: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** What etcd says to the second who asks. */
const FORGOTTEN_ALREADY = /required revision has been compacted/;

/** The store in etcd. Every read is linearizable, whichever member answers it. */
export class EtcdStore implements Store {
  /** The id of the etcd cluster; another one has other revisions. */
  readonly clusterId: bigint;
  readonly #members: EtcdMembers;
  readonly #commits: GroupCommit;
  readonly #leases: LeaseBook;
  readonly #watching: WatchDeps;
  readonly #electorate: Electorate;
  readonly #watches = new Set<EtcdWatch>();
  #heardAtMs = performance.now();
  #announceClosing!: (error: DomainError) => void;
  #closed: Promise<void> | undefined;

  private constructor(clusterId: bigint, members: EtcdMembers, orderedProgress: boolean, { clock, log }: EtcdOptions) {
    this.clusterId = clusterId;
    this.#members = members;
    this.#commits = new GroupCommit(members);
    this.#leases = new LeaseBook(members, clock);
    this.#watching = { members, orderedProgress, clock, log, onHeard: () => (this.#heardAtMs = performance.now()) };
    const closing = new Promise<never>((_, reject) => (this.#announceClosing = reject));
    closing.catch(() => {});
    this.#electorate = { store: this, claim: (...claim) => this.#claim(...claim), clock, elapsedMs: () => performance.now(), log, closing };
  }

  /**
   * Connects to etcd and checks the version of every member that answers.
   *
   * @throws DomainError `store_failed` when none answers, or one is too old.
   */
  static async open(options: EtcdOptions): Promise<EtcdStore> {
    const members = new EtcdMembers(options);
    try {
      const { clusterId, orderedProgress } = await greet(members, options);
      return new EtcdStore(clusterId, members, orderedProgress, options);
    } catch (error) {
      members.close();
      throw error;
    }
  }

  /** Milliseconds since a watch heard of etcd last. One that is open hears every two seconds. */
  get silentMs(): number {
    return performance.now() - this.#heardAtMs;
  }

  async txn(transaction: Transaction, options: { deadlineMs?: number } = {}): Promise<TransactionResult> {
    checkTransaction(transaction);
    this.#mustBeOpen();
    const own = { ...transaction, then: transaction.then.map((operation) => ('put' in operation ? { ...operation, value: Buffer.from(operation.value) } : operation)) };
    const leases = await Promise.all(own.then.map((operation) => this.#leaseOf(operation)));
    try {
      return await this.#commits.commit(own, leases, options.deadlineMs);
    } catch (error) {
      // A lease that etcd no longer knows would be refused for ever.
      if (error instanceof DomainError) this.#leases.clear();
      throw error;
    }
  }

  async get(key: string): Promise<StoreRecord | undefined> {
    const { kvs: [record] } = await this.#range(rangeOf(key));
    return record && toRecord(record);
  }

  list(prefix: string, options: ListOptions = {}): AsyncIterable<readonly StoreRecord[]> {
    return listRecords((request) => this.#range(request), prefix, options);
  }

  watch(prefix: string, fromRev: bigint, listener: (message: WatchMessage) => void): StoreWatch {
    if (this.#closed) return { close() {} };
    const watch = new EtcdWatch(prefix, fromRev, listener, this.#watching);
    this.#watches.add(watch);
    return {
      close: () => {
        watch.close();
        this.#watches.delete(watch);
      },
    };
  }

  async currentRev(): Promise<bigint> {
    const { header } = await this.#range(rangeOf('/'));
    return header?.revision ?? 0n;
  }

  campaign(role: string, id: string, ttlSeconds: number): Promise<Leadership> {
    return campaign(this.#electorate, role, id, ttlSeconds);
  }

  /** A lease of this process's own. @throws DomainError `store_failed`. */
  async lease(ttlSeconds: number): Promise<Lease> {
    const id = await this.#leases.grant(ttlSeconds * 1000);
    return {
      put: async (key, value) => void (await this.#commits.commit({ if: [], then: [{ put: key, value }] }, [id])),
      renew: () => this.#renew(id),
      end: () => this.#revoke(id),
    };
  }

  async compact(rev: bigint): Promise<void> {
    try {
      await this.#members.read(({ kv }) => kv.compact.bind(kv), { revision: rev });
    } catch (error) {
      if (!FORGOTTEN_ALREADY.test((error as Error).message)) throw error;
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #mustBeOpen(): void {
    if (this.#closed) throw closed();
  }

  async #close(): Promise<void> {
    this.#announceClosing(closed());
    await this.#commits.close();
    for (const watch of this.#watches) watch.close();
    this.#members.close();
  }

  async #range(request: RangeRequest): Promise<RangeResponse> {
    this.#mustBeOpen();
    return this.#members.read(({ kv }) => kv.range.bind(kv), request);
  }

  async #leaseOf(operation: Transaction['then'][number]): Promise<bigint> {
    return 'put' in operation && operation.expireAtMs !== undefined ? this.#leases.leaseFor(operation.expireAtMs) : 0n;
  }

  async #claim(key: string, value: Uint8Array, ttlMs: number): Promise<Claim> {
    const lease = await this.#leases.grant(ttlMs);
    const renew = (): Promise<boolean> => this.#renew(lease);
    try {
      const { ok, rev } = await this.#commits.commit({ if: [{ key, absent: true }], then: [{ put: key, value }] }, [lease]);
      if (!ok) await this.#revoke(lease);
      return { ok, rev, renew };
    } catch (error) {
      if (!(error instanceof UnknownOutcome)) throw error;
      const { kvs: [record] } = await this.#range(rangeOf(key));
      if (record?.lease === lease) return { ok: true, rev: record.modRevision, renew };
      // Without its lease the first attempt fails, should it still come.
      await this.#revoke(lease);
      return this.#claim(key, value, ttlMs);
    }
  }

  async #renew(lease: bigint): Promise<boolean> {
    const answer = await this.#members.repeat((member, options) => keepAlive(member, lease, options));
    return answer.TTL > 0n;
  }

  async #revoke(ID: bigint): Promise<void> {
    await this.#members.read(({ lease }) => lease.leaseRevoke.bind(lease), { ID });
  }
}

async function greet(members: EtcdMembers, { allowOldVersion, requestTimeoutMs, log }: EtcdOptions): Promise<{ clusterId: bigint; orderedProgress: boolean }> {
  const deadline = Date.now() + requestTimeoutMs * 4;
  const answers = await Promise.allSettled(members.all.map((member) => statusOf(member, { deadline })));
  const reached = answers.flatMap((answer, i) => (answer.status === 'fulfilled' ? [{ ...answer.value, endpoint: members.all[i]?.endpoint ?? '' }] : []));
  const [first] = reached;
  if (first === undefined) {
    const reasons = answers.map((answer, i) => `${members.all[i]?.endpoint}: ${answer.status === 'rejected' ? (answer.reason as Error).message : ''}`);
    throw new DomainError('store_failed', `no member of etcd can be reached: ${reasons.join('; ')}`);
  }
  const ordered = reached.map(({ endpoint, version }) => checkVersion(endpoint, version, allowOldVersion, log));
  return { clusterId: first.header?.clusterId ?? 0n, orderedProgress: ordered.every(Boolean) };
}

function statusOf({ maintenance }: EtcdMember, options: Partial<CallOptions>): Promise<StatusResponse> {
  return new Promise((resolve, reject) => {
    maintenance.status({}, new Metadata(), options, (error, response) => (error ? reject(error) : resolve(response)));
  });
}

/** One renewal. The call is a stream, of which one question and answer are used. */
function keepAlive({ lease }: EtcdMember, ID: bigint, options: Partial<CallOptions>): Promise<LeaseKeepAliveResponse> {
  return new Promise((resolve, reject) => {
    const stream = lease.leaseKeepAlive(withLeader(), options);
    stream.once('data', (answer: LeaseKeepAliveResponse) => {
      resolve(answer);
      stream.cancel();
    });
    stream.on('error', reject);
    stream.write({ ID });
  });
}

function closed(): DomainError {
  return new DomainError('store_failed', 'the store is closed');
}
