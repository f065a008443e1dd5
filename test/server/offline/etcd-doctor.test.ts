import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StatusResponse } from '../../../src/gen/etcd/etcd.js';
import { etcdFindings } from '../../../src/server/offline/etcd-findings.js';
import type { MemberHealth } from '../../../src/server/store/etcd/etcd-health.js';
import { EtcdCluster, noEtcd } from '../../support/etcd.js';
import { serverCommand } from '../../support/server-cli.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { onEtcd } from '../snapshots/engines.js';

interface Finding {
  readonly check: string;
  readonly result: string;
  readonly says: string;
  readonly mend: string;
}

const GIB = 2 ** 30;

describe.skipIf(noEtcd !== undefined)(`store doctor on etcd${noEtcd === undefined ? '' : ` (${noEtcd})`}`, () => {
  let cluster: EtcdCluster;
  const engine = onEtcd(() => cluster);
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 60_000);
  afterAll(() => cluster?.stop());

  const look = async (): Promise<Finding[]> => ((await serverCommand(tmpDir(), ['store', 'doctor'], engine.settings())).result as { findings: Finding[] }).findings;
  const of = (findings: readonly Finding[], ...checks: string[]): Finding[] => findings.filter(({ check }) => checks.includes(check));

  it('looks at every member, then finds out which is down, and that the majority is', async () => {
    const [, second, third] = cluster.endpoints;

    const whole = await look();
    await cluster.signal(2, 'SIGKILL');
    await cluster.healthy();
    const oneDown = await look();
    await cluster.signal(1, 'SIGKILL');
    const twoDown = await look();

    expect(of(whole, 'store')).toMatchObject([{ result: 'ok', says: expect.stringMatching(/^3 of 3 members answer .* 1 more may go$/) }]);
    expect(of(whole, 'member', 'alarm')).toEqual([]);
    expect(of(whole, 'latency').filter(({ says }) => says.includes(', the leader reads with a majority in'))).toHaveLength(1);
    expect(of(whole, 'quota')).toEqual(Array(3).fill(expect.objectContaining({ result: 'ok', says: expect.stringMatching(/ of 2048\.0 MiB$/) })));
    expect(of(whole, 'clock')).toEqual(Array(3).fill(expect.objectContaining({ result: 'ok' })));
    expect(of(whole, 'version')).toHaveLength(3);
    expect(of(whole, 'snapshots', 'journal')).toHaveLength(2);
    expect(of(oneDown, 'store')).toMatchObject([{ result: 'warn', says: expect.stringContaining('2 of 3 members answer'), mend: expect.stringContaining('bring the missing member back') }]);
    expect(of(oneDown, 'member')).toMatchObject([{ result: 'fail', says: expect.stringContaining(`${third} does not answer`), mend: expect.stringContaining('member add') }]);
    expect(of(twoDown, 'store')).toMatchObject([{ result: 'fail', says: expect.stringContaining('nothing can be changed') }]);
    expect(of(twoDown, 'member').map(({ says }) => says.split(' ')[0])).toEqual([second, third]);
    expect(of(twoDown, 'latency')).toMatchObject([{ result: 'fail', mend: expect.stringContaining('network') }, { says: expect.stringContaining('the disk') }]);
  }, 120_000);
});

describe('what the doctor says of members of etcd', () => {
  /** A good member with something changed. */
  function aMember(change: Partial<StatusResponse> = {}, health: Partial<MemberHealth> = {}, endpoint = 'https://a:2379'): MemberHealth {
    const header = { clusterId: 1n, memberId: 7n, revision: 9n };
    const status = StatusResponse.fromPartial({ header, version: '3.5.28', dbSize: 2n ** 20n, dbSizeInUse: 2n ** 20n, leader: 7n, ...change });
    return { endpoint, status, standing: 'good', readMs: { middle: 2, longest: 3 }, quotaBytes: 8 * GIB, clockAheadMs: 0, failure: '', ...health };
  }
  const faults = (...members: MemberHealth[]): string[] => [...etcdFindings(members)].filter(({ result, check }) => result !== 'ok' && check !== 'store').map(({ result, check }) => `${check} ${result}`);

  it('is nothing for good ones', () => {
    expect(faults(aMember(), aMember(), aMember())).toEqual([]);
  });

  it.each([
    ['no space', aMember({ errors: ['memberID:7 alarm:NOSPACE '] }), ['alarm fail'], /alarm disarm/],
    ['a corrupt one', aMember({ errors: ['memberID:7 alarm:CORRUPT '] }), ['alarm fail'], /empty folder/],
    ['one without a leader', aMember({ leader: 0n, errors: ['etcdserver: no leader'] }, { readMs: undefined }), ['alarm fail', 'latency fail'], /network/],
    ['a slow majority', aMember({}, { readMs: { middle: 150, longest: 900 } }), ['latency warn'], /nearer/],
    ['one that may lose changes', aMember({ version: '3.4.23' }, { standing: 'unsafe' }), ['version fail'], /3\.5\.28/],
    ['one with known faults', aMember({ version: '3.5.16' }, { standing: 'old' }), ['version warn'], /leader last/],
    ['a file that is nearly full', aMember({ dbSize: BigInt(7.5 * GIB), dbSizeInUse: BigInt(7.5 * GIB) }), ['quota fail'], /quota-backend-bytes/],
    ['a file that grows full', aMember({ dbSize: BigInt(5 * GIB), dbSizeInUse: BigInt(5 * GIB) }), ['quota warn'], /auto-compaction/],
    ['one that hides its quota', aMember({}, { quotaBytes: undefined }), ['quota warn'], /figures/],
    ['a file that is mostly empty', aMember({ dbSize: BigInt(GIB) }), ['space warn'], /defrag, one member at a time, the leader last/],
    ['a clock that is ahead', aMember({}, { clockAheadMs: 5_000 }), ['clock warn'], /NTP/],
    ['a clock that is behind', aMember({}, { clockAheadMs: -5_000 }), ['clock warn'], /NTP/],
    ['one that hides its time', aMember({}, { clockAheadMs: undefined }), ['clock warn'], /date -u/],
  ] as const)('names %s and what to do', (_what, member, wanted, mend) => {
    expect(faults(member, aMember(), aMember())).toEqual(wanted);
    expect([...etcdFindings([member, aMember(), aMember()])].filter(({ result }) => result !== 'ok').map((finding) => finding.mend).join(' ')).toMatch(mend);
  });

  it('names a member of another etcd, and an etcd that bears no loss', () => {
    const stranger = aMember({ header: { clusterId: 2n, memberId: 7n, revision: 9n } });

    expect(faults(aMember(), stranger, aMember())).toEqual(['member fail']);
    expect([...etcdFindings([aMember()])][0]).toMatchObject({ check: 'store', result: 'warn', mend: expect.stringContaining('three or five') });
  });
});
