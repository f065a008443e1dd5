import { createReadStream } from 'node:fs';
import { copyFile, open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../../domain/errors.js';
import { makePrivateDir } from '../../platform/pem-files.js';
import type { SnapshotTarget } from './target.js';

/** What is being written; no name of ours ends so. */
const UNFINISHED = '.part';

/** Snapshots in a folder (0700), which is made when it is first written to. */
export class FolderTarget implements SnapshotTarget {
  readonly place: string;

  constructor(dir: string) {
    this.place = dir;
  }

  async put(name: string, path: string): Promise<void> {
    const to = join(this.place, name);
    await this.#attempt(async () => {
      await makePrivateDir(this.place);
      try {
        await copyFile(path, to + UNFINISHED);
        await sync(to + UNFINISHED, 'r+');
        await rename(to + UNFINISHED, to);
        await sync(this.place, 'r');
      } finally {
        await rm(to + UNFINISHED, { force: true });
      }
    });
  }

  async get(name: string): Promise<AsyncIterable<Uint8Array> | undefined> {
    return this.#attempt(async () => {
      const file = await open(join(this.place, name), 'r');
      return createReadStream('', { fd: file });
    }, undefined);
  }

  async names(): Promise<readonly string[]> {
    const names = await this.#attempt(() => readdir(this.place), [] as string[]);
    return names.filter((name) => !name.endsWith(UNFINISHED)).sort();
  }

  async remove(name: string): Promise<void> {
    await this.#attempt(() => rm(join(this.place, name), { force: true }));
  }

  /** @param absent Stands for what is not there. */
  async #attempt<T, A>(work: () => Promise<T>, absent?: A): Promise<T | A> {
    try {
      return await work();
    } catch (cause) {
      if (arguments.length > 1 && (cause as NodeJS.ErrnoException).code === 'ENOENT') return absent as A;
      throw new DomainError('snapshot_failed', `snapshots in ${this.place}: ${(cause as Error).message}`, { cause });
    }
  }
}

async function sync(path: string, flags: string): Promise<void> {
  const file = await open(path, flags);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
