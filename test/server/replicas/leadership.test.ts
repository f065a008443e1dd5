import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { fencedRepository } from '../../../src/server/replicas/fenced-repository.js';
import { Singleton } from '../../../src/server/replicas/singleton.js';
import { EtcdStore } from '../../../src/server/store/etcd/etcd-store.js';
import { keys } from '../../../src/server/store/keys.js';
import type { Repository } from '../../../src/server/store/local-view.js';
import { ManualClock } from '../../support/clock.js';
import { noEtcd } from '../../support/etcd.js';
import { replicasAt, TestCluster } from '../../support/replicas.js';
import { startServices } from '../../support/services.js';
import { startTestServer } from '../../support/server.js';
import { until } from '../../support/until.js';

const value = Buffer.from('x');

describe('a write as the leader', () => {
  it('is refused by the store when another one has the key, and not even tried when the term may be over', async () => {
    const { store, repository, clock } = await startServices();
    const leadership = await store.campaign('upkeep', 'one', 10);
    const fenced = fencedRepository(repository, leadership);
    const write = (key: string) => fenced.update(() => ({ if: [], then: [{ put: key, value }], result: undefined }));
    await write('as-leader');
    await store.txn({ if: [], then: [{ put: keys.lead('upkeep'), value: Buffer.from('two') }] });

    await expect(write('replaced')).rejects.toMatchObject({ code: 'conflict', message: expect.stringContaining('another server leads') as string });
    clock.advance(8_000);
    await expect(write('too late')).rejects.toMatchObject({ code: 'conflict' });

    expect((await store.get('as-leader'))?.value).toEqual(value);
    expect([await store.get('replaced'), await store.get('too late')]).toEqual([undefined, undefined]);
  });

  it('is refused by the store even where the leader has not heard yet that it was replaced', async () => {
    const { store, repository } = await startServices();
    const { fence } = await store.campaign('upkeep', 'one', 10);
    const fenced = fencedRepository(repository, { fence, isHeld: () => true });
    await store.txn({ if: [], then: [{ put: keys.lead('upkeep'), value: Buffer.from('two') }] });

    await expect(fenced.update(() => ({ if: [], then: [{ put: 'late', value }], result: undefined }))).rejects.toMatchObject({ code: 'conflict' });

    expect(await store.get('late')).toBeUndefined();
  });

  it('asks nobody for a decision that writes nothing', async () => {
    const { store, repository } = await startServices();
    const fenced = fencedRepository(repository, await store.campaign('upkeep', 'one', 10));
    const before = await store.currentRev();

    expect((await fenced.update(() => ({ if: [], then: [], result: 'nothing to do' }))).result).toBe('nothing to do');
    expect(await store.currentRev()).toBe(before);
  });
});

describe('a holder of a leadership', () => {
  it('stops itself two seconds before its own term of ten could be over', async () => {
    const clock = new ManualClock();
    const { store } = await startServices({ clock });
    const leadership = await store.campaign('upkeep', 'one', 10);
    const held: boolean[] = [];

    // Nothing runs in between, as in a process that stands still.
    for (const ms of [0, 7_999, 1]) {
      clock.set(clock.now() + ms);
      held.push(leadership.isHeld());
    }

    expect(held).toEqual([true, true, false]);
    await leadership.lost;
  });
});

describe('work that one server does', () => {
  function work() {
    const done: string[] = [];
    const repositories: Repository[] = [];
    const start = (name: string) => (repository: Repository) => {
      done.push(`${name} begins`);
      repositories.push(repository);
      return { stop: () => void done.push(`${name} ends`) };
    };
    return { done, repositories, start };
  }

  it('is done by one at a time, and by the next when the first has stopped', async () => {
    const { store, repository, clock } = await startServices();
    const { done, start } = work();
    const candidate = (name: string): Singleton =>
      new Singleton({ role: 'upkeep', repository, campaign: () => store.campaign('upkeep', name, 10), start: start(name), clock, log: silentLog });
    const one = candidate('one');
    await until(() => one.repository, 'the first to lead');
    const two = candidate('two');

    await one.stop();
    await until(() => two.repository, 'the second to lead');
    await two.stop();

    expect(done).toEqual(['one begins', 'one ends', 'two begins', 'two ends']);
  });

  it('is stood for again when the leadership was lost', async () => {
    const { store, repository, clock } = await startServices();
    const { done, start } = work();
    const one = new Singleton({ role: 'upkeep', repository, campaign: () => store.campaign('upkeep', 'one', 10), start: start('one'), clock, log: silentLog });
    await until(() => one.repository, 'it to lead');

    await store.txn({ if: [], then: [{ del: keys.lead('upkeep') }] });

    await until(() => done.length === 3, 'it to lead again');
    await one.stop();
    expect(done).toEqual(['one begins', 'one ends', 'one begins', 'one ends']);
  });

  it('is tried again when the store is away, and never begins once it was stopped', async () => {
    const { store, repository, clock } = await startServices();
    const { done, start } = work();
    let attempts = 0;
    let elect = (_: Awaited<ReturnType<typeof store.campaign>>): void => {};
    const campaign = () => {
      attempts++;
      return attempts === 1 ? Promise.reject(new Error('away')) : new Promise<Awaited<ReturnType<typeof store.campaign>>>((resolve) => (elect = resolve));
    };
    const one = new Singleton({ role: 'upkeep', repository, campaign, start: start('one'), clock, log: silentLog });
    await until(() => {
      clock.advance(1_000);
      return attempts === 2;
    }, 'the second attempt');

    await one.stop();
    elect(await store.campaign('upkeep', 'one', 10));

    await until(async () => (await store.get(keys.lead('upkeep'))) === undefined, 'the leadership to be given back');
    expect(done).toEqual([]);
  });
});

it('a server with a store of its own does all of it at once, without a record', async () => {
  const server = await startTestServer();

  expect((await replicasAt(server)).map(({ leads }) => leads.toSorted())).toEqual([['copies', 'upkeep']]);
});

describe.skipIf(noEtcd)(`leaders on etcd${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await TestCluster.start();
  });
  afterAll(() => cluster?.stop());

  it('that were paused for longer than their term write nothing more: the fence refuses it', async () => {
    const { endpoints, tls } = cluster.etcd;
    const paused = spawn('node', ['--import', 'tsx', 'test/support/leader-driver.ts', JSON.stringify({ endpoints, ...tls }), 'paused', '3'], { stdio: ['pipe', 'pipe', 'inherit'] });
    onTestFinished(() => void paused.kill('SIGKILL'));
    const lines: string[] = [];
    createInterface({ input: paused.stdout }).on('line', (line) => lines.push(line));
    await until(() => lines[0]?.startsWith('leads '), 'the driver to lead', 60_000);
    paused.stdin.write('/in-time\n');
    expect(JSON.parse(await until(() => lines[1], 'its write', 60_000))).toEqual({ ok: true, fenced: 'written' });
    const store = await EtcdStore.open(cluster.etcd.options());
    onTestFinished(() => store.close());

    paused.kill('SIGSTOP');
    // It lies there and is carried out the moment that the process goes on.
    paused.stdin.write('/late\n');
    const next = await store.campaign('paused', 'successor', 10);
    await store.txn({ if: [next.fence], then: [{ put: '/of-the-successor', value }] });
    paused.kill('SIGCONT');

    const { ok, fenced } = JSON.parse(await until(() => lines[2], 'its late write', 60_000)) as { ok: boolean; fenced: string };
    expect(ok).toBe(false);
    expect(fenced).toMatch(/another server leads by now|refused by the store/);
    expect([await store.get('/late/raw'), await store.get('/late/fenced')]).toEqual([undefined, undefined]);
    expect((await store.get('/in-time/fenced'))?.value).toEqual(Buffer.from('late'));
    expect(next.isHeld()).toBe(true);
  });

  it('are shown with what they lead, each role at one of them, and leave it to another when they stop', async () => {
    const a = await cluster.replica({ settings: ['replica: { name: one }'] });
    const b = await cluster.replica({ settings: ['replica: { name: two }'] });
    const leaders = async (server: typeof a) => (await replicasAt(server)).flatMap(({ name, leads }) => leads.filter((role) => role !== 'paused').map((role) => `${role} ${name}`)).toSorted();
    const all = await until(async () => {
      const list = await leaders(b);
      return list.length === 2 && list;
    }, 'all roles to be taken');
    expect(all.map((line) => line.split(' ')[0])).toEqual(['copies', 'upkeep']);

    await a.stop();

    await until(async () => (await leaders(b)).join() === 'copies two,upkeep two', 'the other to lead', 60_000);
  });
});
