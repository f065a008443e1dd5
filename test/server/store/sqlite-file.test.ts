import Database from 'better-sqlite3';
import { closeSync, mkdirSync, openSync, readdirSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { openForWriting } from '../../../src/server/store/database.js';
import { keys } from '../../../src/server/store/keys.js';
import { openStore, type OpenStore } from '../../../src/server/store/open-store.js';
import type { SqliteStore } from '../../../src/server/store/sqlite-store.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';
import { putAddress, putNode } from './records.js';

const clock = new ManualClock();

async function open(file: string): Promise<OpenStore> {
  const opened = await openStore({ file, clock, log: silentLog });
  onTestFinished(() => opened.close());
  return opened;
}

function fill(store: OpenStore['store'], n: number, size = 10): Promise<unknown> {
  return Promise.all(Array.from({ length: n }, (_, i) => store.txn({ if: [], then: [{ put: `k${i}`, value: new Uint8Array(size) }] })));
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('opening a store', () => {
  it('refuses a file of a newer schema, says what to do, and leaves it alone', async () => {
    const file = join(tmpDir(), 'nc.db');
    const newer = new Database(file);
    newer.pragma('user_version = 9000');
    newer.close();

    await expect(open(file)).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringMatching(/at most version \d+, got version 9000.*newer nc-server/) as string,
    });
    const after = new Database(file, { readonly: true });
    expect(after.pragma('user_version', { simple: true })).toBe(9000);
    expect(after.prepare('SELECT count(*) FROM sqlite_master').pluck().get()).toBe(0);
    after.close();
  });

  it('refuses a file that is no database, and leaves it alone', async () => {
    const file = join(tmpDir(), 'nc.db');
    const content = 'these are the notes of somebody else\n'.repeat(200);
    writeFileSync(file, content);

    await expect(open(file)).rejects.toMatchObject({ code: 'store_failed', message: expect.stringMatching(/nc\.db.*not a database/) as string });
    expect(statSync(file).size).toBe(content.length);
  });

  it('refuses a path that cannot be made', async () => {
    const dir = tmpDir();
    writeFileSync(join(dir, 'file'), '');
    mkdirSync(join(dir, 'folder.db'));

    await expect(open(join(dir, 'file', 'nc.db'))).rejects.toMatchObject({ code: 'store_failed', message: expect.stringContaining('cannot open the store') as string });
    await expect(open(join(dir, 'folder.db'))).rejects.toMatchObject({ code: 'store_failed' });
  });

  it('refuses a file that is open already, and takes it once it is closed', async () => {
    const file = join(tmpDir(), 'nc.db');
    const first = await open(file);

    await expect(open(file)).rejects.toMatchObject({ code: 'store_failed', message: expect.stringContaining('another nc-server') as string });
    await fill(first.store, 1);
    await first.close();

    expect((await open(file)).repository.view.rev).toBe(1n);
  });

  it('keeps file and folder to their owner', async () => {
    const folder = join(tmpDir(), 'var', 'nc');
    const { store } = await open(join(folder, 'nc.db'));
    await fill(store, 1);

    expect(mode(folder)).toBe('700');
    expect(readdirSync(folder).sort().map((name) => `${name} ${mode(join(folder, name))}`)).toEqual(['nc.db 600', 'nc.db-shm 600', 'nc.db-wal 600', 'nc.db.lock 600']);
  });

  it('closes a file that others could read', async () => {
    const file = join(tmpDir(), 'nc.db');
    writeFileSync(file, '', { mode: 0o644 });
    await open(file);
    expect(mode(file)).toBe('600');
  });

  it('syncs each commit to the disk, of a file that was there before too', () => {
    const file = join(tmpDir(), 'nc.db');
    for (let time = 1; time <= 2; time++) {
      const db = openForWriting(file);
      db.exec(`CREATE TABLE t${time} (x)`);
      const settings = ['journal_mode', 'synchronous', 'foreign_keys'].map((name) => db.pragma(name, { simple: true }));
      db.close();
      // 2 is FULL.
      expect(settings).toEqual(['wal', 2, 1]);
    }
  });

  it('finds records, history and revision as they were', async () => {
    const file = join(tmpDir(), 'nc.db');
    const first = await open(file);
    await first.store.txn({ if: [], then: [putNode({ id: 'n1' })] });
    await first.store.txn({ if: [], then: [putNode({ id: 'n1', name: 'renamed' }), { del: 'none' }] });
    const history = first.repository.view.revisionsFrom(1n, 100);
    await first.close();

    const { view } = (await open(file)).repository;

    expect(view.rev).toBe(2n);
    expect(view.nodeById('n1')).toMatchObject({ modRev: 2n, value: { name: 'renamed' } });
    expect(view.revisionsFrom(1n, 100)).toEqual(history);
  });

  it('lets nobody lead whose process has ended', async () => {
    const file = join(tmpDir(), 'nc.db');
    const first = await open(file);
    const crashed = await first.store.campaign('sweeper', 'crashed', 3600);
    await first.close();

    const second = await open(file);

    expect(await second.store.txn({ if: [crashed.fence], then: [] })).toMatchObject({ ok: false });
    expect((await second.store.campaign('sweeper', 'next', 3600)).fence).toMatchObject({ key: keys.lead('sweeper') });
  });
});

describe('a store in use', () => {
  it('moves the log to the file as it goes, so that it does not grow for ever', async () => {
    const file = join(tmpDir(), 'nc.db');
    const { store } = await open(file);
    const sizes: number[] = [];
    for (let round = 0; round < 30; round++) {
      await fill(store, 20, 60_000);
      sizes.push(statSync(`${file}-wal`).size);
    }

    expect(Math.max(...sizes)).toBeLessThan(32 * 1024 * 1024);
    expect(sizes.some((size, i) => size < (sizes[i - 1] ?? 0))).toBe(true);
    expect(statSync(file).size).toBeGreaterThan(20 * 60_000);
  });

  it('commits those who come together at once', async () => {
    const { store } = await open(join(tmpDir(), 'nc.db'));
    const sent = vi.spyOn(Worker.prototype, 'postMessage');
    onTestFinished(() => sent.mockRestore());

    await fill(store, 500);

    expect(sent.mock.calls.length).toBeLessThan(5);
    expect(await store.currentRev()).toBe(500n);
  });

  it('does not try again with every commit while a reader holds the log', async () => {
    const { store } = await open(join(tmpDir(), 'nc.db'));
    await fill(store, 20, 60_000);
    const sent = vi.spyOn(Worker.prototype, 'postMessage');
    onTestFinished(() => sent.mockRestore());
    const reader = store.list('', { pageSize: 1 })[Symbol.asyncIterator]();
    await reader.next();
    for (let round = 0; round < 20; round++) await fill(store, 10, 60_000);
    const checkpoints = sent.mock.calls.filter(([message]) => (message as { kind: string }).kind === 'checkpoint').length;
    await reader.return?.();

    expect(checkpoints).toBeGreaterThan(0);
    expect(checkpoints).toBeLessThan(8);
  });

  it('leaves no log behind when it is closed', async () => {
    const dir = tmpDir();
    const opened = await open(join(dir, 'nc.db'));
    await fill(opened.store, 10);
    await opened.close();

    expect(readdirSync(dir).filter((name) => /-(wal|shm)$/.test(name))).toEqual([]);
  });

  it('finishes what was asked before it was closed and refuses what comes after', async () => {
    const file = join(tmpDir(), 'nc.db');
    const opened = await open(file);
    const before = fill(opened.store, 300);
    const closing = opened.close();

    await expect(fill(opened.store, 1)).rejects.toMatchObject({ code: 'store_failed' });
    await before;
    await closing;
    await expect(opened.store.get('k0')).rejects.toMatchObject({ code: 'store_failed' });
    await expect(opened.store.list('')[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'store_failed' });
    expect((await open(file)).repository.view.rev).toBe(300n);
  });

  it('lets a watch that comes too late say nothing', async () => {
    const opened = await open(join(tmpDir(), 'nc.db'));
    await fill(opened.store, 1);
    const messages: unknown[] = [];
    const atTheLastMoment = opened.store.watch('', 1n, (message) => messages.push(message));
    const closing = opened.close();
    atTheLastMoment.close();
    await closing;
    opened.store.watch('', 1n, (message) => messages.push(message)).close();
    opened.store.watch('', 1n, (message) => messages.push(message));

    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(messages).toEqual([]);
  });

  it('ends a campaign and a leadership when it is closed', async () => {
    const opened = await open(join(tmpDir(), 'nc.db'));
    const leader = await opened.store.campaign('sweeper', 'one', 10);
    const candidate = opened.store.campaign('sweeper', 'two', 10);
    const refused = expect(candidate).rejects.toMatchObject({ code: 'store_failed' });
    await opened.close();

    await refused;
    await leader.lost;
  });

  it('takes the lead from a leader that was away for longer than its term', async () => {
    const { store } = await open(join(tmpDir(), 'nc.db'));
    const paused = await store.campaign('sweeper', 'paused', 10);
    const next = store.campaign('sweeper', 'next', 10);

    clock.advance(60_000);

    const leader = await next;
    await paused.lost;
    expect(await store.txn({ if: [paused.fence], then: [] })).toMatchObject({ ok: false });
    expect(await store.txn({ if: [leader.fence], then: [] })).toMatchObject({ ok: true });
  });

  it('renews a leadership in time although much was left to expire', async () => {
    const { store } = await open(join(tmpDir(), 'nc.db'));
    await store.txn({ if: [], then: range(100).map((i) => ({ put: `old${i}`, value: new Uint8Array(), expireAtMs: clock.now() + 100 })) });
    clock.advance(10_000);
    const leader = await store.campaign('sweeper', 'busy', 3);

    for (const second of range(8)) {
      clock.advance(1_000);
      expect(await store.txn({ if: [leader.fence], then: [{ put: `k${second}`, value: new Uint8Array() }] })).toMatchObject({ ok: true });
    }
    expect(await store.get('old0')).toBeUndefined();
  });

  it('ends a leadership that cannot be renewed in time, without asking anybody', async () => {
    const file = join(tmpDir(), 'nc.db');
    const { store } = await open(file);
    const leader = await store.campaign('sweeper', 'cut off', 10);
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');

    clock.advance(20_000);

    await leader.lost;
    other.close();
  });

  it('writes nothing of a transaction that was not begun in time', async () => {
    const { store } = await open(join(tmpDir(), 'nc.db'));
    const late = store.txn({ if: [], then: [{ put: 'late', value: new Uint8Array() }] }, { deadlineMs: 100 });

    clock.advance(100);

    await expect(late).rejects.toMatchObject({ code: 'store_failed', message: expect.stringContaining('nothing was written') as string });
    await fill(store, 1);
    expect(await store.get('late')).toBeUndefined();
  });

  it('does not know what became of a transaction whose answer is late', async () => {
    const file = join(tmpDir(), 'nc.db');
    const { store } = await open(file);
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    const late = store.txn({ if: [], then: [{ put: 'late', value: new Uint8Array() }] }, { deadlineMs: 100 });
    const refused = expect(late).rejects.toMatchObject({ name: 'UnknownOutcome' });
    // The first turn of the loop gathers the batch, so in the second it is on its way, to wait for the other's lock.
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

    clock.advance(100);

    await refused;
    other.close();
    await until(() => store.get('late'), 'the late commit');
  });
});

describe('a file that was damaged', () => {
  /** A closed store with some addresses, one page of which is overwritten. */
  async function damaged(table: string): Promise<string> {
    const file = join(tmpDir(), 'nc.db');
    const opened = await open(file);
    await opened.store.txn({ if: [], then: [2, 3, 4].map((i) => putAddress('default', `10.0.0.${i}`, { nodeId: `n${i}` })) });
    await opened.close();
    const db = new Database(file);
    const page = db.prepare<[string], number>('SELECT rootpage FROM sqlite_master WHERE name = ?').pluck().get(table) as number;
    const size = db.pragma('page_size', { simple: true }) as number;
    db.close();
    const fd = openSync(file, 'r+');
    writeSync(fd, Buffer.alloc(size, 0xa5), 0, size, (page - 1) * size);
    closeSync(fd);
    return file;
  }

  it('is not read as if there were less in it', async () => {
    const { repository } = await open(await damaged('addresses_network'));

    expect(() => [...repository.view.addressesOf('default')]).toThrow(expect.objectContaining({ code: 'store_failed', message: expect.stringMatching(/malformed/) as string }));
  });

  it('takes no write that it could not keep', async () => {
    const { store, repository } = await open(await damaged('addresses'));

    await expect(store.txn({ if: [], then: [{ put: 'beside', value: new Uint8Array() }, putAddress('default', '10.0.0.9', {})] })).rejects.toMatchObject({ code: 'store_failed' });
    expect(await store.get('beside')).toBeUndefined();
    expect(repository.view.rev).toBe(1n);
    expect(await store.txn({ if: [], then: [{ put: 'beside', value: new Uint8Array() }] })).toMatchObject({ ok: true });
  });

  it('keeps a watch waiting rather than leave something out', async () => {
    const { store } = await open(join(tmpDir(), 'nc.db'));
    await fill(store, 3);
    const read = vi.spyOn((store as SqliteStore).snapshot.log, 'revisionsFrom').mockImplementationOnce(() => {
      throw new Error('disk I/O error');
    });
    const revs: bigint[] = [];
    store.watch('', 1n, (message) => message.kind === 'events' && revs.push(message.rev));
    await until(() => read.mock.calls.length > 0, 'the first attempt');
    expect(revs).toEqual([]);

    await until(() => {
      clock.advance(1_000);
      return revs.length === 3;
    }, 'the replay');
    expect(revs).toEqual([1n, 2n, 3n]);
  });
});

describe('history', () => {
  it('is forgotten by age', async () => {
    const { store, repository, forgetHistory } = await open(join(tmpDir(), 'nc.db'));
    await fill(store, 10);
    clock.advance(1_000);
    await fill(store, 5);
    clock.advance(1_000);

    expect(await forgetHistory({ keepMs: 1_500, keepRevisions: 1_000 })).toBe(10n);
    expect(repository.view.oldestRev).toBe(11n);
    expect(repository.view.revisionsFrom(10n, 100)).toBeUndefined();
    expect(repository.view.revisionsFrom(11n, 100)).toHaveLength(5);
  });

  it('is forgotten by number', async () => {
    const { store, repository, forgetHistory } = await open(join(tmpDir(), 'nc.db'));
    await fill(store, 20);

    expect(await forgetHistory({ keepMs: 1e12, keepRevisions: 3 })).toBe(17n);
    expect(repository.view.revisionsFrom(18n, 100)?.map(({ rev }) => rev)).toEqual([18n, 19n, 20n]);
    expect(await forgetHistory({ keepMs: 1e12, keepRevisions: 30 })).toBe(17n);
  });

  it('that is all too old keeps the newest revision', async () => {
    const { store, forgetHistory } = await open(join(tmpDir(), 'nc.db'));
    await fill(store, 3);
    clock.advance(10_000);

    expect(await forgetHistory({ keepMs: 1, keepRevisions: 1_000 })).toBe(2n);
  });

  it('is not there to be forgotten ahead of time', async () => {
    const { store } = await open(join(tmpDir(), 'nc.db'));
    await expect(store.compact(1n)).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('comes in whole revisions, the last one completed past the limit', async () => {
    const { store, repository } = await open(join(tmpDir(), 'nc.db'));
    for (const p of ['a', 'b', 'c']) {
      await store.txn({ if: [], then: [1, 2, 3, 4].map((i) => ({ put: `${p}${i}`, value: new Uint8Array() })) });
    }

    const counts = (limit: number): number[] | undefined => repository.view.revisionsFrom(1n, limit)?.map(({ events }) => events.length);

    expect([counts(1), counts(4), counts(6), counts(12), counts(99)]).toEqual([[4], [4], [4, 4], [4, 4, 4], [4, 4, 4]]);
  });
});
