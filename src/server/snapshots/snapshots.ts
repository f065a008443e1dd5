import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { DomainError } from '../../domain/errors.js';
import { makePrivateDir } from '../../platform/pem-files.js';
import { formatManifest, MANIFEST_SUFFIX, manifestOf, parseManifest, snapshotName, type Manifest } from './manifest.js';
import { dispensable, type Retention } from './retention.js';
import { hashFile, readSealedFile, writeSealedFile } from './sealed-file.js';
import { decodeSnapshot, encodeSnapshot, invalid, type SnapshotOrigin, type SnapshotSource, type SnapshotSummary } from './snapshot-format.js';
import type { SnapshotTarget } from './target.js';

/** What {@link Snapshots} works with. */
export interface SnapshotsDeps {
  readonly target: SnapshotTarget;
  /** A folder (0700, made when needed) for files on their way. */
  readonly workDir: string;
  /** 32 octets; without one nothing is encrypted. */
  readonly key: Buffer | undefined;
}

/** Snapshots at a target: written, read back before anybody believes in them, listed, taken away. */
export class Snapshots {
  readonly #target: SnapshotTarget;
  readonly #workDir: string;
  readonly #key: Buffer | undefined;

  constructor({ target, workDir, key }: SnapshotsDeps) {
    this.#target = target;
    this.#workDir = workDir;
    this.#key = key;
  }

  /** Where they are. */
  get place(): string {
    return this.#target.place;
  }

  /**
   * Takes a snapshot and reads it back whole; its manifest is written last.
   *
   * @throws DomainError `snapshot_failed`, `snapshot_invalid` when the target does not give back what it was given.
   */
  async save(source: SnapshotSource, origin: SnapshotOrigin): Promise<Manifest> {
    return this.#withFile(async (path) => {
      const file = await writeSealedFile(path, encodeSnapshot(source, origin), this.#key);
      const name = snapshotName(await readWhole(path, this.#key));
      await this.#target.put(name, path, file.sha256);
      return this.#readBack(name, async (summary, found) => {
        if (found.sha256 !== file.sha256) throw new DomainError('snapshot_invalid', `${name}: ${this.place} does not give back what was stored there`);
        const manifest = manifestOf(name, summary, found, this.#key !== undefined);
        await this.#putText(name + MANIFEST_SUFFIX, formatManifest(manifest));
        return manifest;
      });
    });
  }

  /** All that have a manifest, newest first. What cannot be read as one is none. @throws DomainError `snapshot_failed`. */
  async list(): Promise<readonly Manifest[]> {
    const manifests: Manifest[] = [];
    for (const name of await this.#target.names()) {
      if (!name.endsWith(MANIFEST_SUFFIX)) continue;
      const manifest = await this.#manifest(name).catch((error: unknown) => {
        if (error instanceof DomainError && error.code === 'snapshot_invalid') return undefined;
        throw error;
      });
      if (manifest !== undefined) manifests.push(manifest);
    }
    return manifests.sort((a, b) => b.createdAtMs - a.createdAtMs);
  }

  /**
   * Reads a snapshot whole and holds it against its manifest.
   *
   * @param name The newest one when empty.
   * @throws DomainError `snapshot_unknown`, `snapshot_invalid`, `snapshot_failed`.
   */
  async verify(name: string): Promise<Manifest> {
    const manifest = await this.#find(name);
    return this.#readBack(manifest.name, async (_summary, { sha256 }) => {
      if (sha256 !== manifest.sha256) throw new DomainError('snapshot_invalid', `${manifest.name}: is another file than its manifest tells of`);
      return manifest;
    });
  }

  /**
   * Lends a verified copy of a snapshot in a local file, gone when `use` is done.
   *
   * @throws DomainError like {@link verify}.
   */
  async fetch<T>(name: string, use: (path: string) => Promise<T>): Promise<T> {
    const manifest = await this.verify(name);
    return this.#readBack(manifest.name, (_summary, _file, path) => use(path));
  }

  /** Removes those of a cluster that `retention` does not keep; the manifest first. Gives their names. */
  async prune(clusterId: string, retention: Retention): Promise<readonly string[]> {
    const own = (await this.list()).filter((manifest) => manifest.clusterId === clusterId);
    const names = dispensable(own, retention).map(({ name }) => name);
    for (const name of names) {
      await this.#target.remove(name + MANIFEST_SUFFIX);
      await this.#target.remove(name);
    }
    return names;
  }

  async #find(name: string): Promise<Manifest> {
    const found = name === '' ? (await this.list())[0] : await this.#manifest(name + MANIFEST_SUFFIX);
    if (found !== undefined) return found;
    const wanted = name === '' ? 'one' : JSON.stringify(name);
    throw new DomainError('snapshot_unknown', `snapshot: want ${wanted} in ${this.place}, and there is none; see "ncadm snapshot list"`);
  }

  async #manifest(name: string): Promise<Manifest | undefined> {
    if (!/^[\w.-]+$/.test(name)) return undefined;
    const bytes = await this.#target.get(name);
    if (bytes === undefined) return undefined;
    const pieces: Uint8Array[] = [];
    for await (const piece of bytes) pieces.push(piece);
    return parseManifest(Buffer.concat(pieces).toString('utf8'), name);
  }

  async #readBack<T>(name: string, use: (summary: SnapshotSummary, file: { bytes: number; sha256: string }, path: string) => Promise<T>): Promise<T> {
    return this.#withFile(async (path) => {
      const bytes = await this.#target.get(name);
      if (bytes === undefined) throw new DomainError('snapshot_invalid', `${name}: has a manifest and is not there itself`);
      await pipeline(bytes, createWriteStream(path, { flags: 'wx', mode: 0o600 }));
      return use(await readWhole(path, this.#key), await hashFile(path), path);
    });
  }

  async #putText(name: string, text: string): Promise<void> {
    await this.#withFile(async (path) => {
      await writeFile(path, text, { flag: 'wx', mode: 0o600 });
      await this.#target.put(name, path, (await hashFile(path)).sha256);
    });
  }

  async #withFile<T>(use: (path: string) => Promise<T>): Promise<T> {
    await makePrivateDir(this.#workDir);
    const path = join(this.#workDir, `snapshot-${randomBytes(6).toString('hex')}.tmp`);
    try {
      return await use(path);
    } finally {
      await rm(path, { force: true });
    }
  }
}

/**
 * Reads a snapshot in a local file from its first byte to its last.
 *
 * @throws DomainError `snapshot_invalid`.
 */
export async function readWhole(path: string, key: Buffer | undefined): Promise<SnapshotSummary> {
  let whole: SnapshotSummary | undefined;
  // To the end of the file, since what stands there tells whether all before it is as it was written.
  for await (const part of decodeSnapshot(readSealedFile(path, key))) if ('end' in part) whole = part.end;
  if (whole === undefined) throw invalid('it has no end');
  return whole;
}
