import type { MemberHealth } from '../store/etcd/etcd-health.js';
import { mib, ok, type StoreFinding } from './store-findings.js';

/** What a member that answers shows. */
type Answering = MemberHealth & { readonly status: NonNullable<MemberHealth['status']> };

const UPDATE = 'update it to 3.5.28 or newer, the leader last';
const MIB = 1024 * 1024;
/** Every change waits for a majority, and so does everybody who joins. */
const SLOW_READ_MS = 100;
/** Expiry goes by the clocks of the servers and by those of etcd. */
const CLOCK_MS = 2_000;
/** Time to act before the quota is full. */
const FULL_SHARE = 0.6;

/** What there is to say of etcd and each of its members. */
export function* etcdFindings(members: readonly MemberHealth[]): Iterable<StoreFinding> {
  const answering = members.filter((member): member is Answering => member.status !== undefined);
  yield majority(members, answering);
  for (const { endpoint, failure } of members.filter(({ status }) => status === undefined)) {
    yield { check: 'member', result: 'fail', says: `${endpoint} does not answer: ${failure}`, mend: 'start it again; when its disk is lost, etcdctl member remove and member add, one at a time' };
  }
  for (const member of answering) yield* memberFindings(member, answering[0]?.status.header?.clusterId ?? 0n);
}

function majority(members: readonly MemberHealth[], answering: readonly Answering[]): StoreFinding {
  const lost = members.length - answering.length;
  const spare = Math.floor((members.length - 1) / 2) - lost;
  const led = answering.some(({ status, readMs }) => status.leader !== 0n && readMs !== undefined);
  if (!led) return { check: 'store', result: 'fail', says: `${answering.length} of ${members.length} members answer and none can read with a majority: nothing can be changed`, mend: 'bring members back; with the majority lost for good, restore the newest snapshot into a new etcd: ncadm snapshot restore' };
  const says = `${answering.length} of ${members.length} members answer and have a leader; ${Math.max(0, spare)} more may go`;
  return spare > 0 ? ok('store', says) : { check: 'store', result: 'warn', says, mend: lost > 0 ? 'bring the missing member back: one more and nothing can be changed' : 'run three or five members, in as many places' };
}

function* memberFindings(member: Answering, clusterId: bigint): Iterable<StoreFinding> {
  const { endpoint, status } = member;
  if (status.header?.clusterId !== clusterId) {
    yield { check: 'member', result: 'fail', says: `${endpoint} belongs to another etcd`, mend: 'name the members of one etcd in store.endpoints' };
  }
  for (const alarm of status.errors) yield { check: 'alarm', result: 'fail', says: `${endpoint}: ${alarm.trim()}`, mend: mendOf(alarm) };
  yield latency(member);
  yield version(member);
  yield* space(member);
  yield clock(member);
}

function latency({ endpoint, status, readMs }: Answering): StoreFinding {
  const role = status.leader === status.header?.memberId ? ', the leader' : '';
  if (readMs === undefined) return { check: 'latency', result: 'fail', says: `${endpoint} reaches no majority`, mend: 'look at the network between it and the other members' };
  const says = `${endpoint}${role} reads with a majority in ${readMs.middle.toFixed(1)} ms, at most ${readMs.longest.toFixed(1)} ms`;
  return readMs.middle <= SLOW_READ_MS ? ok('latency', says) : { check: 'latency', result: 'warn', says, mend: 'put the members nearer to each other, or on faster disks: every change waits for a majority' };
}

function version({ endpoint, status, standing }: Answering): StoreFinding {
  const says = `${endpoint} is etcd ${status.version}`;
  switch (standing) {
    case 'good':
      return ok('version', says);
    case 'old':
      return { check: 'version', result: 'warn', says: `${says}, which has known faults`, mend: UPDATE };
    case 'unsafe':
      return { check: 'version', result: 'fail', says: `${says}, which may lose changes`, mend: UPDATE };
  }
}

function* space({ endpoint, status, quotaBytes }: Answering): Iterable<StoreFinding> {
  const [size, used] = [Number(status.dbSize), Number(status.dbSizeInUse)];
  if (quotaBytes === undefined) yield { check: 'quota', result: 'warn', says: `${endpoint} has ${mib(size)} and does not tell its quota`, mend: 'see etcd_server_quota_backend_bytes of its figures' };
  else if (size <= quotaBytes * FULL_SHARE) yield ok('quota', `${endpoint} has ${mib(size)} of ${mib(quotaBytes)}`);
  else yield { check: 'quota', result: size > quotaBytes * 0.9 ? 'fail' : 'warn', says: `${endpoint} has ${mib(size)} of ${mib(quotaBytes)}`, mend: 'give it more with --quota-backend-bytes=8589934592, and see that --auto-compaction-retention is set: when it is full nothing can be changed' };
  const unused = size - used;
  yield unused <= Math.max(64 * MIB, size / 2)
    ? ok('space', `${endpoint} uses ${mib(used)} of its file`)
    : { check: 'space', result: 'warn', says: `${endpoint}: ${mib(unused)} of ${mib(size)} are unused`, mend: `etcdctl --endpoints=${endpoint} defrag, one member at a time, the leader last: it answers nobody meanwhile` };
}

function clock({ endpoint, clockAheadMs }: Answering): StoreFinding {
  if (clockAheadMs === undefined) return { check: 'clock', result: 'warn', says: `${endpoint} does not tell its time`, mend: 'compare it with this machine\'s: date -u on both' };
  const seconds = (Math.abs(clockAheadMs) / 1000).toFixed(0);
  if (Math.abs(clockAheadMs) <= CLOCK_MS) return ok('clock', `${endpoint} has the time of this machine, to two seconds`);
  return { check: 'clock', result: 'warn', says: `${endpoint} is ${seconds} s ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this machine`, mend: 'set both by NTP: tokens and leases end by the clock' };
}

function mendOf(alarm: string): string {
  if (alarm.includes('NOSPACE')) return 'compact and defragment each member or raise --quota-backend-bytes, then etcdctl alarm disarm: until then nothing can be changed';
  if (alarm.includes('CORRUPT')) return 'take this member out and add it again with an empty folder: its data differs from that of the others';
  return 'look at its log and at the network between it and the others';
}
