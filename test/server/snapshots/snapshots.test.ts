import { randomBytes, randomInt } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { FolderTarget } from '../../../src/server/snapshots/folder-target.js';
import { Snapshots } from '../../../src/server/snapshots/snapshots.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { filledStore, folderSnapshots, ORIGIN, putName } from './support.js';

/** A target that spoils what it stores. */
class LosingTarget extends FolderTarget {
  override async put(name: string, path: string): Promise<void> {
    await super.put(name, path);
    truncateSync(join(this.place, name), statSync(path).size - 1);
  }
}

describe('a snapshot', () => {
  it.each(['plain', 'encrypted'])('is refused whole when one byte of it is flipped, wherever (%s)', async (kind) => {
    const { store } = await filledStore(5);
    const { dir, snapshots } = folderSnapshots(kind === 'encrypted' ? { key: randomBytes(32) } : {});
    const { name } = await snapshots.save(store, ORIGIN);
    const path = join(dir, name);
    const whole = readFileSync(path);
    const places = [...Array.from({ length: 40 }, () => randomInt(whole.length)), ...Array.from({ length: 12 }, (_, i) => i), whole.length - 1];

    for (const at of places) {
      const spoilt = Buffer.from(whole);
      spoilt[at]! ^= 1 << randomInt(8);
      writeFileSync(path, spoilt);
      await expect(snapshots.verify(name), `byte ${at}`).rejects.toMatchObject({ code: 'snapshot_invalid' });
    }
  });

  it.each(['plain', 'encrypted'])('is refused whole when it is cut short, wherever (%s)', async (kind) => {
    const { store } = await filledStore(5);
    const { dir, snapshots } = folderSnapshots(kind === 'encrypted' ? { key: randomBytes(32) } : {});
    const { name, bytes } = await snapshots.save(store, ORIGIN);
    const path = join(dir, name);
    const whole = readFileSync(path);

    for (const length of [0, 1, 31, 32, 33, bytes - 33, bytes - 32, bytes - 1, ...Array.from({ length: 20 }, () => randomInt(bytes))]) {
      writeFileSync(path, whole.subarray(0, length));
      await expect(snapshots.verify(name), `${length} bytes`).rejects.toMatchObject({ code: 'snapshot_invalid' });
    }
  });

  it('is refused with more behind it, and as another snapshot than its manifest tells of', async () => {
    const { store } = await filledStore(5);
    const { dir, snapshots } = folderSnapshots();
    const first = await snapshots.save(store, ORIGIN);
    await putName(store, 'late', 'x');
    const second = await snapshots.save(store, ORIGIN);
    const whole = readFileSync(join(dir, first.name));

    writeFileSync(join(dir, first.name), Buffer.concat([whole, whole]));
    await expect(snapshots.verify(first.name)).rejects.toMatchObject({ code: 'snapshot_invalid' });
    writeFileSync(join(dir, first.name), readFileSync(join(dir, second.name)));
    await expect(snapshots.verify(first.name)).rejects.toMatchObject({ code: 'snapshot_invalid' });
  });

  it('is not opened without its key or with another', async () => {
    const { store } = await filledStore(5);
    const { dir, snapshots } = folderSnapshots({ key: randomBytes(32) });
    const { name, encrypted } = await snapshots.save(store, ORIGIN);

    expect(encrypted).toBe(true);
    await expect(folderSnapshots({ target: dir }).snapshots.verify(name)).rejects.toMatchObject({ code: 'snapshot_invalid', message: expect.stringContaining('keyFile') });
    await expect(folderSnapshots({ target: dir, key: randomBytes(32) }).snapshots.verify(name)).rejects.toMatchObject({ code: 'snapshot_invalid' });
    await expect(snapshots.verify(name)).resolves.toMatchObject({ name });
  });

  it('shows nothing of what it holds when it is encrypted', async () => {
    const { store } = await filledStore(0);
    const words = 'owner-that-nobody-else-has';
    await putName(store, 'node', words);
    const [open, sealed] = [folderSnapshots(), folderSnapshots({ key: randomBytes(32) })];

    const [one, other] = [await open.snapshots.save(store, ORIGIN), await sealed.snapshots.save(store, ORIGIN)];

    expect(gunzipSync(readFileSync(join(open.dir, one.name)).subarray(0, -32)).includes(words)).toBe(true);
    // Neither as it is nor with the head of the encryption left out.
    for (const skipped of [0, 27]) expect(() => gunzipSync(readFileSync(join(sealed.dir, other.name)).subarray(skipped, -32))).toThrow();
    expect(one.digest).toBe(other.digest);
  });

  it('is not there, and tells so, when the target does not give it back', async () => {
    const { store } = await filledStore(5);
    const dir = tmpDir();
    const snapshots = new Snapshots({ target: new LosingTarget(dir), workDir: tmpDir(), key: undefined });

    await expect(snapshots.save(store, ORIGIN)).rejects.toMatchObject({ code: 'snapshot_invalid' });

    expect(await snapshots.list()).toEqual([]);
  });

  it('cannot be saved to what is no folder, which the refusal names', async () => {
    const { store } = await filledStore(1);
    const file = join(tmpDir(), 'file');
    writeFileSync(file, '');

    await expect(folderSnapshots({ target: file }).snapshots.save(store, ORIGIN)).rejects.toMatchObject({ code: 'snapshot_failed', message: expect.stringContaining(file) });
  });

  it('is of one revision, however much is written meanwhile', async () => {
    const { store } = await filledStore(1_200);
    const { snapshots } = folderSnapshots();
    let writing = true;
    // Two names change together, always: a snapshot between them would show it.
    const writer = (async () => {
      for (let i = 0; writing; i++) await Promise.all([putName(store, 'node-1', `${i}`), putName(store, `extra-${i}`, `${i}`)]);
    })();
    const before = await store.currentRev();

    const saved = [await snapshots.save(store, ORIGIN), await snapshots.save(store, { ...ORIGIN, createdAtMs: ORIGIN.createdAtMs + 1000 })];
    writing = false;
    await writer;

    // One revision for the cluster, one for each of the first names, one for each write after.
    expect(saved[0]!.revision).toBeGreaterThanOrEqual(before);
    for (const { revision, counts } of saved) expect(Number(revision) - 1_201).toBeOneOf([2 * (counts['name']! - 1_200) - 1, 2 * (counts['name']! - 1_200), 2 * (counts['name']! - 1_200) + 1]);
  });

  it('leaves leaderships and files on their way out', async () => {
    const { store } = await filledStore(3);
    const workDir = tmpDir();
    const dir = tmpDir();
    const snapshots = new Snapshots({ target: new FolderTarget(dir), workDir, key: undefined });
    const leadership = await store.campaign('snapshots', 'me', 10);

    const { counts, records, name } = await snapshots.save(store, ORIGIN);
    await leadership.resign();

    expect({ counts, records }).toEqual({ counts: { cluster: 1, name: 3 }, records: 4 });
    expect(readdirSync(workDir)).toEqual([]);
    expect(readdirSync(dir).sort()).toEqual([name, `${name}.json`]);
  });

  it('tells when, of which revision and of what it is, by its name and its manifest', async () => {
    const { store } = await filledStore(3);
    const { snapshots } = folderSnapshots();

    const manifest = await snapshots.save(store, ORIGIN);

    expect(manifest).toMatchObject({ ...ORIGIN, name: '20260512T184111.000Z-r4-s1.ncsnap', revision: 4n, schema: 1, encrypted: false, records: 4 });
    expect(await snapshots.list()).toEqual([manifest]);
    expect(await snapshots.verify('')).toEqual(manifest);
  });
});

describe('the list of snapshots', () => {
  it('has none without a manifest, and none whose manifest is not one', async () => {
    const { store } = await filledStore(3);
    const { dir, snapshots } = folderSnapshots();
    const { name } = await snapshots.save(store, ORIGIN);
    rmSync(join(dir, `${name}.json`));
    writeFileSync(join(dir, 'notes.json'), '{}');

    expect(await snapshots.list()).toEqual([]);
    await expect(snapshots.verify(name)).rejects.toMatchObject({ code: 'snapshot_unknown' });
    await expect(snapshots.verify('')).rejects.toMatchObject({ code: 'snapshot_unknown' });
  });

  it.each(['../secret', 'a/b', ''])('does not look outside the target for %j', async (name) => {
    await expect(folderSnapshots().snapshots.verify(name)).rejects.toMatchObject({ code: 'snapshot_unknown' });
  });

  it('is empty where nothing was ever saved', async () => {
    expect(await folderSnapshots({ target: join(tmpDir(), 'nowhere') }).snapshots.list()).toEqual([]);
  });

  it('loses what retention does not keep, and nothing of another cluster', async () => {
    const { store } = await filledStore(1);
    const { dir, snapshots } = folderSnapshots();
    const day = 86_400_000;
    for (let i = 0; i < 4; i++) await snapshots.save(store, { ...ORIGIN, createdAtMs: ORIGIN.createdAtMs + i * day });
    const other = await snapshots.save(store, { ...ORIGIN, clusterId: 'other', createdAtMs: ORIGIN.createdAtMs + 1 });

    const gone = await snapshots.prune(ORIGIN.clusterId, { daily: 2, weekly: 0 });

    expect(gone.length).toBe(2);
    const left = await snapshots.list();
    expect(left.map(({ createdAtMs }) => createdAtMs)).toEqual([3 * day, 2 * day, 1].map((ms) => ORIGIN.createdAtMs + ms));
    expect(left).toContainEqual(other);
    expect(readdirSync(dir).length).toBe(6);
  });
});
