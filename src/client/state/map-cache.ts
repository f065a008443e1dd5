import { createHash } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, renameSync } from 'node:fs';
import { MapSnapshot } from '../../gen/networkcontroller/v1/node.js';
import type { Log } from '../../platform/log.js';
import { isThere, replaceFile } from './safe-files.js';

/** Format of the file: this line, SHA-256 of the rest, one MapSnapshot. */
const MAGIC = Buffer.from('nc-map-1\n');
const DIGEST_BYTES = 32;

/** Keeps the last verified map, so that the tunnel comes up without the controller. */
export function saveMap(path: string, map: MapSnapshot): void {
  const body = MapSnapshot.encode(map).finish();
  replaceFile(path, Buffer.concat([MAGIC, digest(body), body]));
}

/** The checksum that the file of a map bears; it tells one map from another. Empty when the file is too short. */
export function mapDigest(path: string): Buffer {
  const head = Buffer.alloc(MAGIC.length + DIGEST_BYTES);
  const handle = openSync(path, 'r');
  try {
    return head.subarray(MAGIC.length, readSync(handle, head, 0, head.length, 0));
  } finally {
    closeSync(handle);
  }
}

/**
 * Reads the map kept by {@link saveMap}; undefined when there is none.
 *
 * A damaged file is put aside as `<path>.damaged` and reported: the agent can live without it, an investigator cannot.
 */
export function loadMap(path: string, log: Log): MapSnapshot | undefined {
  if (!isThere(path)) return undefined;
  try {
    return decode(readFileSync(path));
  } catch (error) {
    renameSync(path, `${path}.damaged`);
    log.warn('the cached map is damaged and was put aside', { path: `${path}.damaged`, reason: (error as Error).message });
    return undefined;
  }
}

function decode(content: Buffer): MapSnapshot {
  const body = content.subarray(MAGIC.length + DIGEST_BYTES);
  if (!content.subarray(0, MAGIC.length).equals(MAGIC)) throw new Error('not a map file of this version');
  if (!content.subarray(MAGIC.length, MAGIC.length + DIGEST_BYTES).equals(digest(body))) throw new Error('checksum differs');
  return MapSnapshot.decode(body);
}

function digest(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest();
}
