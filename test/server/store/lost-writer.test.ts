import Database from 'better-sqlite3';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { openStore, type OpenStore } from '../../../src/server/store/open-store.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';
import { putNode } from './records.js';

/** A store with its writer's thread, got hold of through the first message that is sent to it. */
async function openWithThread(file: string): Promise<{ opened: OpenStore; thread: Worker }> {
  const opened = await openStore({ file, clock: new ManualClock(), log: silentLog });
  onTestFinished(() => opened.close());
  const spy = vi.spyOn(Worker.prototype, 'postMessage');
  await opened.store.txn({ if: [], then: [putNode({ id: 'before' })] });
  const thread = spy.mock.contexts[0] as Worker;
  spy.mockRestore();
  return { opened, thread };
}

const nextTurns = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe('a store that loses its writer', () => {
  it('does not know of what was sent, is sure of what was not, takes nothing more and goes on reading', async () => {
    const file = join(tmpDir(), 'nc.db');
    const { opened, thread } = await openWithThread(file);
    const other = new Database(file);
    other.exec('BEGIN IMMEDIATE');
    const sent = opened.store.txn({ if: [], then: [putNode({ id: 'sent' })] });
    const sentRefused = expect(sent).rejects.toMatchObject({ name: 'UnknownOutcome' });
    await nextTurns();
    const queued = expect(opened.store.txn({ if: [], then: [putNode({ id: 'queued' })] })).rejects.toMatchObject({ code: 'store_failed' });

    const ended = thread.terminate();
    other.close();
    await ended;

    await sentRefused;
    await queued;
    expect(await opened.failed).toMatchObject({ code: 'store_failed', message: expect.stringContaining('restart nc-server') as string });
    await expect(opened.store.txn({ if: [], then: [] })).rejects.toMatchObject({ code: 'store_failed' });
    expect(opened.repository.view.nodeById('before')).toBeDefined();
  });

  it('shows what was committed although the writer could not say so any more', async () => {
    const file = join(tmpDir(), 'nc.db');
    const { opened, thread } = await openWithThread(file);
    const told: bigint[] = [];
    opened.repository.onApplied((revision) => told.push(revision.rev));
    thread.removeAllListeners('message');
    let rounds = 0;
    const registering = opened.repository.update((view) => {
      rounds++;
      return view.nodeById('mine') ? { if: [], then: [], result: 'found' } : { if: [], then: [putNode({ id: 'mine' })], result: 'made' };
    });
    const reader = new Database(file, { readonly: true });
    await until(() => reader.prepare(`SELECT 1 FROM network_mgr WHERE node_id = 'mine'`).get(), 'the commit');
    reader.close();

    await thread.terminate();

    expect(await registering).toEqual({ result: 'found', rev: 2n });
    expect(rounds).toBe(2);
    expect(told).toEqual([2n]);
  });
});
