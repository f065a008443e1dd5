import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { systemClock } from '../../../src/platform/clock.js';
import { openServerState } from '../../../src/server/server-state.js';
import { fillStore } from '../../../src/server/snapshots/fill-store.js';
import type { KeyAndValue } from '../../../src/server/snapshots/record-digest.js';
import { restore } from '../../../src/server/snapshots/restore.js';
import { recordsOf } from '../../../src/server/snapshots/snapshot-format.js';
import { keys } from '../../../src/server/store/keys.js';
import { UnknownOutcome, type Store } from '../../../src/server/store/store.js';
import { testConfig } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { aStore, dump, filledStore, folderSnapshots, ORIGIN, putName } from './support.js';

async function* all(store: Store): AsyncGenerator<KeyAndValue> {
  for await (const page of recordsOf(store)) yield* page;
}

/** `store` until its n-th transaction: that one and all after fail, and `landed` says whether the n-th was carried out nevertheless. */
function cutAt(store: Store, n: number, landed: boolean): Store {
  let count = 0;
  return new Proxy(store, {
    get(target, name) {
      if (name !== 'txn') return typeof target[name as keyof Store] === 'function' ? (target[name as keyof Store] as () => unknown).bind(target) : target[name as keyof Store];
      return async (...args: Parameters<Store['txn']>) => {
        if (++count < n) return target.txn(...args);
        if (count === n && landed) await target.txn(...args);
        throw new UnknownOutcome('the power failed');
      };
    },
  });
}

/** `store` whose every transaction is carried out and told of only the second time. */
function forgetful(store: Store): Store {
  let told = true;
  return new Proxy(store, {
    get(target, name) {
      if (name !== 'txn') return (target[name as keyof Store] as () => unknown).bind(target);
      return async (...args: Parameters<Store['txn']>) => {
        const result = await target.txn(...args);
        told = !told;
        if (told) return result;
        throw new UnknownOutcome('the answer was lost');
      };
    },
  });
}

const hasCluster = async (store: Store): Promise<boolean> => (await store.get(keys.cluster())) !== undefined;
const withoutCluster = (lines: readonly string[]): string[] => lines.filter((line) => !line.startsWith(keys.cluster()));

describe('a fill of a store that is cut short', () => {
  it('leaves no cluster or all of it, wherever it was cut, and goes through when it is done again', async () => {
    const { store: from } = await filledStore(450);
    const whole = withoutCluster(await dump(from));
    // The mark, five transactions of records, the last one.
    for (const landed of [false, true]) {
      for (let n = 1; n <= 8; n++) {
        const { store } = await aStore();
        const outcome = await fillStore(cutAt(store, n, landed), 'test', all(from), Date.now()).catch((error: unknown) => error);
        const there = await hasCluster(store);

        if (there) expect(withoutCluster(await dump(store))).toEqual(whole);
        else expect(outcome).toBeInstanceOf(Error);
        expect(there, `cut at ${n}, ${landed ? 'carried out' : 'lost'}`).toBe(n > 7 || (n === 7 && landed));
        if (!there) await fillStore(store, 'test', all(from), Date.now());
        expect(withoutCluster(await dump(store))).toEqual(whole);
      }
    }
  });

  it('is no store that a server starts on, nor makes another cluster in', async () => {
    const dir = tmpDir();
    const config = testConfig(dir);
    const { store: from } = await filledStore(250);
    const opened = await aStore(join(config.workDir, 'db'));
    await fillStore(cutAt(opened.store, 3, false), 'snapshot of revision 7', all(from), Date.now()).catch(() => {});
    await opened.close();

    await expect(openServerState(config, { clock: systemClock, log: silentLog })).rejects.toMatchObject({ code: 'state_invalid', message: expect.stringContaining('snapshot of revision 7') });
  });

  it('is not mixed with another one, and what it has left is gone', async () => {
    const [{ store: one }, { store: other }] = [await filledStore(250), await filledStore(3)];
    await putName(other, 'its-own', 'x');
    const { store } = await aStore();
    await fillStore(cutAt(store, 3, true), 'one', all(one), Date.now()).catch(() => {});

    await fillStore(store, 'other', all(other), Date.now());

    expect(withoutCluster(await dump(store))).toEqual(withoutCluster(await dump(other)));
  });

  it('goes through when answers are lost', async () => {
    const { store: from } = await filledStore(250);
    const { store } = await aStore();

    const { records } = await fillStore(forgetful(store), 'test', all(from), Date.now()).catch(async (error: unknown) => {
      // Of the first of all nobody can tell; it is done again.
      expect(error).toBeInstanceOf(UnknownOutcome);
      return fillStore(store, 'test', all(from), Date.now());
    });

    expect(records).toBe(251);
    expect(withoutCluster(await dump(store))).toEqual(withoutCluster(await dump(from)));
  });

  it('refuses a store that somebody fills at the same time', async () => {
    const { store: from } = await filledStore(250);
    const { store } = await aStore();
    const slowly = async function* (): AsyncGenerator<KeyAndValue> {
      for await (const record of all(from)) {
        if (record.key.endsWith('node-7')) await fillStore(store, 'faster', all(from), Date.now());
        yield record;
      }
    };

    await expect(fillStore(store, 'slower', slowly(), Date.now())).rejects.toMatchObject({ code: 'store_not_empty' });

    expect(withoutCluster(await dump(store))).toEqual(withoutCluster(await dump(from)));
  });

  it('refuses records without a cluster', async () => {
    const { store: from } = await aStore();
    await putName(from, 'alone', 'x');
    const { store } = await aStore();

    await expect(fillStore(store, 'test', all(from), Date.now())).rejects.toMatchObject({ code: 'snapshot_invalid' });
    expect(await hasCluster(store)).toBe(false);
  });
});

describe('a restore that is killed', () => {
  it('leaves the empty store or the whole cluster, and goes through when it is done again', async () => {
    const { store: from } = await filledStore(3_000);
    const { dir, snapshots } = folderSnapshots();
    const { name } = await snapshots.save(from, ORIGIN);
    const path = join(dir, name);
    const whole = withoutCluster(await dump(from));
    const folder = tmpDir();

    for (let round = 0; round < 3; round++) {
      const child = spawn(process.execPath, ['--import', 'tsx', 'test/server/snapshots/restore-child.ts', join(folder, 'nc.db'), path], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, randomInt(150)));
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
      const { store, close } = await aStore(folder);
      if (await hasCluster(store)) {
        expect(withoutCluster(await dump(store))).toEqual(whole);
        await close();
        return;
      }
      await close();
    }
    const { store } = await aStore(folder);
    await restore(store, { path, key: undefined, journal: '', acceptUnknownRevocations: true, nowMs: Date.now() });
    expect(withoutCluster(await dump(store))).toEqual(whole);
  }, 120_000);
});
