import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline as pipe, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { DomainError } from '../../domain/errors.js';
import { readPrivateFile } from '../../platform/pem-files.js';
import { invalid } from './snapshot-format.js';

/** What a sealed file is on the disk. */
export interface Sealed {
  readonly bytes: number;
  /** Of the whole file, hex. */
  readonly sha256: string;
}

const HASH_BYTES = 32;
const KEY_BYTES = 32;
const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ENCRYPTED = Buffer.from('nc-aes-256-gcm\n');

/** Bytes come and go in pieces. */
type Pieces = AsyncIterable<Uint8Array>;

/**
 * Writes `contents` compressed, encrypted when there is a key, and ended by the SHA-256 of all before, so that no flipped bit goes unseen.
 * The file (0600) must not be there, and is on the disk when this resolves.
 */
export async function writeSealedFile(path: string, contents: Pieces, key: Buffer | undefined): Promise<Sealed> {
  const file = await open(path, 'wx', 0o600);
  try {
    const whole = createHash('sha256');
    let bytes = 0;
    const compressed = async function* (): Pieces {
      const gzip = createGzip();
      pipe(Readable.from(contents), gzip, () => {});
      yield* gzip;
    };
    const body = key === undefined ? compressed() : encrypted(compressed(), key);
    for await (const piece of ended(body)) {
      whole.update(piece);
      bytes += piece.byteLength;
      await file.writeFile(piece);
    }
    await file.sync();
    return { bytes, sha256: whole.digest('hex') };
  } finally {
    await file.close();
  }
}

/**
 * What {@link writeSealedFile} was given. Whether it is so is known only at the end.
 *
 * @throws DomainError `snapshot_invalid`.
 */
export async function* readSealedFile(path: string, key: Buffer | undefined): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  const body = withoutHash(createReadStream(path));
  pipe(Readable.from(decrypted(body, key)), gunzip, () => {});
  try {
    yield* gunzip as Pieces;
  } catch (cause) {
    throw cause instanceof DomainError ? cause : invalid(`it cannot be unpacked (${(cause as Error).message})`, cause);
  }
}

/** SHA-256 of a file, hex, and its length. */
export async function hashFile(path: string): Promise<Sealed> {
  const hash = createHash('sha256');
  let bytes = 0;
  await pipeline(createReadStream(path), async (pieces: Pieces) => {
    for await (const piece of pieces) {
      hash.update(piece);
      bytes += piece.byteLength;
    }
  });
  return { bytes, sha256: hash.digest('hex') };
}

/**
 * Reads the key that snapshots are encrypted with: 64 hex digits in a file of its owner alone.
 *
 * @throws DomainError `key_file_unsafe`, `config_invalid`.
 */
export async function readSnapshotKey(path: string): Promise<Buffer> {
  const text = await readPrivateFile(path).catch((cause: unknown) => {
    if (cause instanceof DomainError) throw cause;
    throw new DomainError('config_invalid', `server.snapshots.keyFile: ${path} cannot be read: ${(cause as Error).message}`, { cause });
  });
  const key = Buffer.from(text.trim(), 'hex');
  if (key.length === KEY_BYTES && text.trim().length === 2 * KEY_BYTES) return key;
  throw new DomainError('config_invalid', `server.snapshots.keyFile: want ${2 * KEY_BYTES} hex digits in ${path}; make it with: openssl rand -hex ${KEY_BYTES}`);
}

async function* ended(body: Pieces): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const piece of body) {
    hash.update(piece);
    yield piece;
  }
  yield hash.digest();
}

async function* withoutHash(file: Pieces): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  const body = new WithoutTail(file, HASH_BYTES);
  for await (const piece of body) {
    hash.update(piece);
    yield piece;
  }
  if (!hash.digest().equals(body.tail)) throw invalid('its bytes are not those that were written');
}

async function* encrypted(plain: Pieces, key: Buffer): AsyncGenerator<Uint8Array> {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce);
  yield Buffer.concat([ENCRYPTED, nonce]);
  for await (const piece of plain) yield cipher.update(piece);
  yield cipher.final();
  yield cipher.getAuthTag();
}

async function* decrypted(body: Pieces, key: Buffer | undefined): AsyncGenerator<Uint8Array> {
  const head = ENCRYPTED.length + NONCE_BYTES;
  const { first, rest } = await split(body, head);
  if (!first.subarray(0, ENCRYPTED.length).equals(ENCRYPTED)) {
    yield first;
    yield* rest;
    return;
  }
  if (key === undefined) throw new DomainError('snapshot_invalid', 'snapshot: want its key, because it is encrypted; name it in server.snapshots.keyFile');
  const decipher = createDecipheriv(CIPHER, key, first.subarray(ENCRYPTED.length));
  const secret = new WithoutTail(rest, TAG_BYTES);
  for await (const piece of secret) yield decipher.update(piece);
  try {
    decipher.setAuthTag(secret.tail);
    yield decipher.final();
  } catch (cause) {
    throw new DomainError('snapshot_invalid', 'snapshot: want the key that it was encrypted with, got another; see server.snapshots.keyFile', { cause });
  }
}

/** All but the last bytes of something; those are to be had once it is over. */
class WithoutTail implements AsyncIterable<Uint8Array> {
  readonly #source: Pieces;
  readonly #length: number;
  #held = Buffer.alloc(0);

  constructor(source: Pieces, length: number) {
    this.#source = source;
    this.#length = length;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#source) {
      const all = Buffer.concat([this.#held, piece]);
      const cut = Math.max(0, all.length - this.#length);
      this.#held = all.subarray(cut);
      if (cut > 0) yield all.subarray(0, cut);
    }
    if (this.#held.length < this.#length) throw invalid('it ends too early');
  }

  get tail(): Buffer {
    return this.#held;
  }
}

/** The first `length` bytes, or all when there are fewer, and what follows. */
async function split(source: Pieces, length: number): Promise<{ first: Buffer; rest: Pieces }> {
  const pieces = source[Symbol.asyncIterator]();
  let held = Buffer.alloc(0);
  while (held.length < length) {
    const { value, done } = await pieces.next();
    if (done === true) break;
    held = Buffer.concat([held, value]);
  }
  const rest = async function* (): Pieces {
    if (held.length > length) yield held.subarray(length);
    yield* { [Symbol.asyncIterator]: () => pieces };
  };
  return { first: held.subarray(0, length), rest: rest() };
}
