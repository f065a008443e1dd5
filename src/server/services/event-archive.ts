import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { makePrivateDir, writeFileAtomic } from '../../platform/pem-files.js';
import type { LocalView } from '../store/local-view.js';
import { eventsOf } from './event-tail.js';

const BATCH = 5_000;
const DIGITS = 19;

/**
 * Writes the events that are not yet in the folder into files there, `events-<epoch>-<first revision>-<last revision>.jsonl.gz`: a JSON
 * object a line, with the words of `ncadm events -o json`. Each file is there whole or not at all, and none begins before the end of
 * another.
 *
 * @throws Error of the file system; what is missing then is written the next time.
 */
export async function archiveEvents(view: LocalView, epoch: string, folder: string): Promise<void> {
  await makePrivateDir(folder);
  const last = await lastArchived(folder, epoch);
  let next = last + 1n > view.oldestRev ? last + 1n : view.oldestRev;
  for (;;) {
    const revisions = view.revisionsFrom(next, BATCH) ?? [];
    const end = revisions.at(-1)?.rev;
    if (end === undefined) return;
    const lines = revisions.flatMap(eventsOf).map(({ revision, atMs, ...event }) => `${JSON.stringify({ revision: revision.toString(), at: new Date(atMs).toISOString(), ...event })}\n`);
    const padded = [next, end].map((rev) => rev.toString().padStart(DIGITS, '0')).join('-');
    await writeFileAtomic(join(folder, `events-${epoch}-${padded}.jsonl.gz`), await promisify(gzip)(lines.join('')));
    next = end + 1n;
  }
}

async function lastArchived(folder: string, epoch: string): Promise<bigint> {
  const ours = new RegExp(`^events-${epoch}-\\d+-(\\d+)\\.jsonl\\.gz$`);
  const ends = (await readdir(folder)).map((name) => BigInt(ours.exec(name)?.[1] ?? 0));
  return ends.reduce((a, b) => (b > a ? b : a), 0n);
}
