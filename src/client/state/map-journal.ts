import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, statSync } from 'node:fs';
import { MapDelta } from '../../gen/networkcontroller/v1/node.js';
import { mapDigest } from './map-cache.js';
import { isThere } from './safe-files.js';

/** Begins the file; then SHA-256 of the map that it goes on from. */
const MAGIC = Buffer.from('nc-deltas-1\n');
const DIGEST_BYTES = 32;
/** Of each entry: length of its delta, then as many octets of the delta's SHA-256. */
const LENGTH_BYTES = 4;
const CHECK_BYTES = 8;

/**
 * The changes since the cached map was written whole, so that a change of one node in ten thousand costs the disk one node.
 *
 * An entry is in the file when {@link append} returns, and survives the end of the process there. It does not wait for the disk: a machine that
 * loses its power may lose the last entries, and gets them from the controller again.
 */
export class MapJournal {
  readonly #path: string;
  readonly #mapPath: string;

  /** @param mapPath The map that the journal belongs to. */
  constructor(path: string, mapPath: string) {
    this.#path = path;
    this.#mapPath = mapPath;
  }

  /** Length of the file in octets; 0 without one. */
  get bytes(): number {
    return statSync(this.#path, { throwIfNoEntry: false })?.size ?? 0;
  }

  /** Begins with nothing in it, after the map has been written whole. A journal that is left over belongs to another map and says nothing. */
  begin(): void {
    rmSync(this.#path, { force: true });
  }

  append(delta: MapDelta): void {
    const body = MapDelta.encode(delta).finish();
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(body.length);
    const head = this.bytes === 0 ? [MAGIC, mapDigest(this.#mapPath)] : [];
    appendFileSync(this.#path, Buffer.concat([...head, length, checkOf(body), body]), { mode: 0o600 });
  }

  /** What was appended to the map that is there now, in order, up to the first entry that is not whole. */
  read(): MapDelta[] {
    if (!isThere(this.#path) || !isThere(this.#mapPath)) return [];
    const content = readFileSync(this.#path);
    const begin = MAGIC.length + DIGEST_BYTES;
    const isOfThisMap = content.subarray(0, begin).equals(Buffer.concat([MAGIC, mapDigest(this.#mapPath)]));
    return isOfThisMap ? [...entriesOf(content.subarray(begin))] : [];
  }
}

function* entriesOf(content: Buffer): Iterable<MapDelta> {
  for (let at = 0; at + LENGTH_BYTES + CHECK_BYTES <= content.length; ) {
    const begin = at + LENGTH_BYTES + CHECK_BYTES;
    const end = begin + content.readUInt32LE(at);
    const body = content.subarray(begin, end);
    if (end > content.length || !checkOf(body).equals(content.subarray(at + LENGTH_BYTES, begin))) return;
    yield MapDelta.decode(body);
    at = end;
  }
}

function checkOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest().subarray(0, CHECK_BYTES);
}
