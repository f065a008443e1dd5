import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { archiveEvents } from '../../../src/server/services/event-archive.js';
import { filledStore, putName } from '../snapshots/support.js';
import { tmpDir } from '../../support/tmp-dir.js';

/** The revisions in the files of a folder, in the order of their names. */
function archived(folder: string): string[] {
  const files = readdirSync(folder).filter((name) => name.endsWith('.gz')).sort();
  const lines = files.flatMap((name) => gunzipSync(readFileSync(join(folder, name))).toString().trimEnd().split('\n'));
  return lines.map((line) => (JSON.parse(line) as { revision: string }).revision);
}

it('writes every event once, over several goes, and leaves other files alone', async () => {
  const { store, repository: { view } } = await filledStore(10);
  const folder = join(tmpDir(), 'events');
  await archiveEvents(view, 'one', folder);
  await archiveEvents(view, 'one', folder);
  writeFileSync(join(folder, 'notes.txt'), '');
  await putName(store, 'late', 'x');
  await archiveEvents(view, 'one', folder);

  expect(archived(folder)).toEqual(Array.from({ length: 12 }, (_, i) => `${i + 1}`));
  expect(readdirSync(folder)).toHaveLength(3);
});

it('begins anew with another epoch, whose revisions start over', async () => {
  const { repository: { view } } = await filledStore(3);
  const folder = tmpDir();

  await archiveEvents(view, 'one', folder);
  await archiveEvents(view, 'two', folder);

  expect(archived(folder)).toHaveLength(8);
});

it('writes again what was lost, as far as it is kept, and tells no values', async () => {
  const { store, repository: { view } } = await filledStore(5);
  const folder = tmpDir();
  await archiveEvents(view, 'one', folder);
  rmSync(folder, { recursive: true });
  await store.compact(3n);

  await archiveEvents(view, 'one', folder);

  // What the view reads is as of its own snapshot, which the compaction may not have reached yet.
  expect(archived(folder).slice(-3)).toEqual(['4', '5', '6']);
  const [file] = readdirSync(folder);
  const [line] = gunzipSync(readFileSync(join(folder, file!))).toString().split('\n').slice(-2);
  expect(Object.keys(JSON.parse(line!) as object).sort()).toEqual(['at', 'kind', 'network', 'object', 'operation', 'revision']);
});

it('refuses a folder that is a file', async () => {
  const { repository: { view } } = await filledStore(1);
  const file = join(tmpDir(), 'file');
  writeFileSync(file, '');

  await expect(archiveEvents(view, 'one', file)).rejects.toThrow(/EEXIST|ENOTDIR/);
});
