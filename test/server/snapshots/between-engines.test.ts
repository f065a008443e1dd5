import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { fillStore } from '../../../src/server/snapshots/fill-store.js';
import { RecordDigest, type KeyAndValue } from '../../../src/server/snapshots/record-digest.js';
import { restore } from '../../../src/server/snapshots/restore.js';
import { decodeSnapshot, recordsOf } from '../../../src/server/snapshots/snapshot-format.js';
import { readSealedFile } from '../../../src/server/snapshots/sealed-file.js';
import { keys } from '../../../src/server/store/keys.js';
import { EtcdStore } from '../../../src/server/store/etcd/etcd-store.js';
import { encodeRecord } from '../../../src/server/store/records.js';
import type { Store } from '../../../src/server/store/store.js';
import { EtcdCluster, noEtcd } from '../../support/etcd.js';
import { report } from '../../support/renewals.js';
import { startTestServer } from '../../support/server.js';
import { serverCommand } from '../../support/server-cli.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';
import { Watched } from '../../support/watched.js';
import { onEtcd, onSqlite } from './engines.js';
import { aStore, clusterRecord, dump, folderSnapshots, ORIGIN, putName } from './support.js';

const SETTINGS = ['snapshots: { target: kept }'];
/** More than one page of a list on either engine. */
const NAMES = 2_500;

let cluster: EtcdCluster;
const etcd = onEtcd(() => cluster);
const WAYS = [{ from: onSqlite, to: etcd }, { from: etcd, to: onSqlite }].map((way) => ({ ...way, label: `${way.from.name} to ${way.to.name}` }));

describe.skipIf(noEtcd !== undefined)(`between SQLite and etcd${noEtcd === undefined ? '' : ` (${noEtcd})`}`, () => {
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 60_000);
  afterAll(() => cluster?.stop());

  describe.each(WAYS)('$label', ({ from, to }) => {
    it('a snapshot that is taken while everybody writes holds one revision, and the store that it fills has the same digest', async () => {
      const source = await from.emptyStore();
      await fillWithNames(source);
      const { dir, snapshots } = folderSnapshots();
      const load = writeBothEnds(source);

      const manifest = await snapshots.save(source, ORIGIN);
      const writes = await load.stop();
      const target = await to.emptyStore();
      await fillStore(target, 'test', recordsIn(join(dir, manifest.name)), Date.now());

      expect(writes).toBeGreaterThan(3);
      const held = new Map((await allOf(target)).map(({ key, value }) => [key, value]));
      // Both ends are written in one transaction, again and again: other values would be of two revisions.
      expect(held.get(FIRST)).toEqual(held.get(LAST));
      expect(held.size).toBe(manifest.records);
      expect(await digestOf(target)).toBe(manifest.digest);
    }, 120_000);

    it('registrations go on while ncadm takes a snapshot; restored, every node of it is in, and its agent is sent the whole map once', async () => {
      await (await from.emptyStore()).close();
      const before = await startTestServer({ settings: [...SETTINGS, ...from.settings()] });
      const { dir } = before;
      const member = await before.join(await before.token());
      let over = false;
      const joining = (async () => {
        let joined = 0;
        for (; !over || joined === 0; joined++) await before.join(await before.token());
        return joined;
      })();

      const { snapshot } = await callUnary(before.admin, 'saveSnapshot', {});
      over = true;
      const joined = await joining;
      await from.lose(before);
      await (await to.emptyStore()).close();
      const settings = [...SETTINGS, ...to.settings()];
      const { exitCode, result } = await serverCommand(dir, ['snapshot', 'restore', snapshot!.name], settings);
      const after = await startTestServer({ dir, settings });
      await report(after, member);
      const first = new Watched(after.control(member), { epoch: member.epoch, fromRevision: member.revision });
      const held = await first.snapshot();
      const again = new Watched(after.control(member), { epoch: held.epoch, fromRevision: held.revision });
      await until(() => again.messages.length > 0, 'a word of the controller');

      expect(joined).toBeGreaterThan(0);
      expect({ exitCode, result }).toMatchObject({ exitCode: 0, result: { clusterId: before.clusterId, revision: String(snapshot!.revision), revocationsKnown: true } });
      expect(first.of('reset')).toHaveLength(1);
      expect(held.epoch).toBe((result as { epoch: string }).epoch);
      expect(again.of('reset')).toEqual([]);
    }, 120_000);
  });

  it('a snapshot that is cut short or has one bit flipped is refused whole, and etcd stays empty', async () => {
    const source = await onSqlite.emptyStore();
    await fillWithNames(source, 300);
    const { dir, snapshots } = folderSnapshots();
    const { name } = await snapshots.save(source, ORIGIN);
    const whole = readFileSync(join(dir, name));
    const target = await etcd.emptyStore();
    const flipped = Buffer.from(whole);
    flipped[whole.length >> 1]! ^= 0x10;

    for (const bytes of [whole.subarray(0, -1), whole.subarray(0, whole.length >> 1), Buffer.alloc(0), flipped]) {
      const path = join(tmpDir(), 'damaged');
      writeFileSync(path, bytes);
      await expect(restore(target, requestFor(path))).rejects.toMatchObject({ code: 'snapshot_invalid' });
    }

    expect(await dump(target)).toEqual([]);
  });

  it('a restore into etcd that is killed leaves no cluster or all of it, is named by the server that finds it, and is done again with the same command', async () => {
    const source = await onSqlite.emptyStore();
    await fillWithNames(source, 4_000);
    const dir = tmpDir();
    const { dir: kept, snapshots } = folderSnapshots();
    const { name } = await snapshots.save(source, ORIGIN);
    const path = join(dir, 'snapshot');
    copyFileSync(join(kept, name), path);
    const target = await etcd.emptyStore();
    const whole = withoutCluster(await dump(source));
    const settings = etcd.settings();
    let halves = 0;

    for (const killAt of [1, 700, 2_000, 3_500]) {
      await killedRestore(path, killAt);
      const there = (await target.get(keys.cluster())) !== undefined;
      const records = withoutCluster(await dump(target));
      if (there) expect(records).toEqual(whole);
      else {
        halves++;
        await expect(startTestServer({ dir, settings })).rejects.toMatchObject({ code: 'state_invalid', message: expect.stringMatching(/filling of it from the snapshot of revision \d+ was cut short; do that again/) });
      }
    }
    expect(halves).toBeGreaterThan(0);
    if ((await target.get(keys.cluster())) === undefined) expect(await serverCommand(dir, ['snapshot', 'restore', path, '--accept-unknown-revocations'], settings)).toMatchObject({ exitCode: 0 });

    expect(withoutCluster(await dump(target))).toEqual(whole);
  }, 180_000);

  it('a migration to etcd that is killed leaves the cluster where it was, and is done again with the same command', async () => {
    const dir = tmpDir();
    const source = await aStore(join(dir, 'work', 'db'));
    await fillWithNames(source.store, 4_000);
    const whole = withoutCluster(await dump(source.store));
    const before = await dump(source.store);
    await source.close();
    const target = await etcd.emptyStore();
    const other = join(dir, 'etcd.yml');
    writeFileSync(other, `server:\n  workDir: other\n  ${etcd.settings().join('\n')}\n`);
    writeFileSync(join(dir, 'server.yml'), 'server:\n  workDir: work\n');
    const words = ['store', 'migrate', '--to', other];

    await killedAt(['src/server/main.ts', '--config', join(dir, 'server.yml'), ...words], 1_500);
    const there = await target.get(keys.cluster());
    const source2 = await aStore(join(dir, 'work', 'db'));
    const left = await dump(source2.store);
    await source2.close();
    const again = await serverCommand(dir, words);

    expect(there).toBeUndefined();
    expect(left).toEqual(before);
    expect(again).toMatchObject({ exitCode: 0, result: { records: before.length } });
    expect(withoutCluster(await dump(target))).toEqual(whole);
  }, 120_000);

  it('a restore into an etcd that holds something of its own is refused, and nothing of that is touched', async () => {
    const source = await onSqlite.emptyStore();
    await fillWithNames(source, 10);
    const { dir, snapshots } = folderSnapshots();
    const { name } = await snapshots.save(source, ORIGIN);
    const target = await etcd.emptyStore();
    await putName(target, 'its-own', 'x');
    const before = await dump(target);

    await expect(restore(target, requestFor(join(dir, name)))).rejects.toMatchObject({ code: 'store_not_empty' });

    expect(await dump(target)).toEqual(before);
  });
});

const FIRST = keys.name('default', 'first');
const LAST = keys.wireguardKey('ff'.repeat(32));

/** A cluster and `count` names, some hundred a transaction. */
async function fillWithNames(store: Store, count = NAMES): Promise<void> {
  await store.txn({ if: [], then: [{ put: keys.cluster(), value: clusterRecord() }] });
  for (let i = 0; i < count; i += 100) {
    await store.txn({ if: [], then: Array.from({ length: 100 }, (_, k) => ({ put: keys.name('default', `n-${i + k}`), value: encodeRecord('name', { nodeId: `${i + k}`, network: '' }) })) });
  }
}

/** Writes a key of the beginning and one of the end of the store to the same, until stopped. */
function writeBothEnds(store: Store): { stop(): Promise<number> } {
  let over = false;
  const running = (async () => {
    let n = 0;
    for (; !over; n++) {
      const value = encodeRecord('name', { nodeId: `${n}`, network: '' });
      await store.txn({ if: [], then: [{ put: FIRST, value }, { put: LAST, value }] });
    }
    return n;
  })();
  return {
    stop() {
      over = true;
      return running;
    },
  };
}

async function* recordsIn(path: string): AsyncGenerator<KeyAndValue> {
  for await (const part of decodeSnapshot(readSealedFile(path, undefined))) if ('record' in part) yield part.record;
}

async function allOf(store: Store): Promise<KeyAndValue[]> {
  const records: KeyAndValue[] = [];
  for await (const page of recordsOf(store)) records.push(...page);
  return records;
}

/** Of all records; the cluster's as it was, since a fill gives it another epoch. */
async function digestOf(store: Store): Promise<string> {
  const digest = new RecordDigest();
  for (const { key, value } of await allOf(store)) digest.add({ key, value: key === keys.cluster() ? clusterRecord() : value });
  return digest.finish().toString('hex');
}

function requestFor(path: string) {
  return { path, key: undefined, journal: '', acceptUnknownRevocations: true, nowMs: Date.now() };
}

function withoutCluster(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.startsWith(keys.cluster()) && !line.startsWith(keys.restoring()));
}

/** Restores in a process of its own, and kills that as soon as so many records are there. */
function killedRestore(path: string, records: number): Promise<void> {
  const { endpoints, tls } = cluster;
  return killedAt(['test/server/snapshots/restore-child.ts', 'etcd', path], records, { ETCD: JSON.stringify({ endpoints, tls }) });
}

async function killedAt(argv: readonly string[], records: number, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const child = spawn(process.execPath, ['--import', 'tsx', ...argv], { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } });
  const gone = once(child, 'exit');
  const store = await EtcdStore.open(cluster.options());
  while (child.exitCode === null && (await dump(store)).length < records) await new Promise((resolve) => setTimeout(resolve, 2));
  child.kill('SIGKILL');
  await gone;
  await store.close();
}
