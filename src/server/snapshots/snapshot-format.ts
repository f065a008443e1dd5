import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { DomainError } from '../../domain/errors.js';
import { SnapshotFrame, type SnapshotEnd, type SnapshotHeader } from '../../gen/networkcontroller/store/v1/snapshot.js';
import { kindOf, ROOT, type RecordKind } from '../store/keys.js';
import type { Store } from '../store/store.js';
import { RecordDigest, type KeyAndValue } from './record-digest.js';

/** What a snapshot is taken of: a store, or what an older version of this program left of one. */
export type SnapshotSource = Pick<Store, 'list'>;

/** Whose snapshot it is, and when it is taken. */
export interface SnapshotOrigin {
  readonly clusterId: string;
  readonly epoch: string;
  readonly createdAtMs: number;
}

/** What a whole snapshot says of itself. */
export interface SnapshotSummary extends SnapshotHeader, SnapshotEnd {
  readonly records: number;
}

/** A snapshot as it is read: the header once, then the records. */
export type SnapshotPart = { readonly header: SnapshotHeader } | { readonly record: KeyAndValue } | { readonly end: SnapshotSummary };

/** Raised when records of the same kind come to mean something else. */
export const RECORD_SCHEMA = 1;

/** Held by somebody who lives, so worth nothing in a copy. */
const LEASED: ReadonlySet<RecordKind | undefined> = new Set(['drain', 'lead', 'replica', 'restoring', 'signal']);

const FORMAT = 1;
const MAGIC = Buffer.from('nc-snapshot\n');
const PAGE = 1_000;
const LONGEST_FRAME = 16 * 1024 * 1024;

/** All records of `source` that outlive its servers, in the order of their keys, at one revision. */
export async function* recordsOf(source: SnapshotSource, onRevision: (rev: bigint) => void = () => {}): AsyncGenerator<readonly KeyAndValue[]> {
  for await (const page of source.list(ROOT, { pageSize: PAGE, onRevision })) yield page.filter(({ key }) => !LEASED.has(kindOf(key)));
}

/** The bytes of a snapshot of `source`. */
export async function* encodeSnapshot(source: SnapshotSource, origin: SnapshotOrigin): AsyncGenerator<Uint8Array> {
  let revision = 0n;
  let begun = false;
  const digest = new RecordDigest();
  const counts: Record<string, number> = {};
  const head = (): Uint8Array[] => [MAGIC, framed({ $case: 'header', value: { ...origin, format: FORMAT, schema: RECORD_SCHEMA, revision } })];
  for await (const page of recordsOf(source, (rev) => (revision = rev))) {
    const pieces = begun ? [] : head();
    begun = true;
    for (const record of page) {
      digest.add(record);
      count(counts, record.key);
      pieces.push(framed({ $case: 'record', value: { key: record.key, value: Buffer.from(record.value) } }));
    }
    yield Buffer.concat(pieces);
  }
  const end = framed({ $case: 'end', value: { counts, digest: digest.finish() } });
  yield Buffer.concat(begun ? [end] : [...head(), end]);
}

/**
 * Reads a snapshot's bytes back. What has been read is worth something only after the end has come.
 *
 * @throws DomainError `snapshot_invalid` when anything is missing, twice, out of order, or not what the end says.
 */
export async function* decodeSnapshot(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SnapshotPart> {
  const digest = new RecordDigest();
  const counts: Record<string, number> = {};
  let header: SnapshotHeader | undefined;
  let last = Buffer.alloc(0);
  let records = 0;
  let ended = false;
  for await (const { frame } of framesOf(chunks)) {
    if (ended || frame === undefined || (header === undefined) !== (frame.$case === 'header')) throw invalid('its pieces are not in order');
    switch (frame.$case) {
      case 'header':
        header = checkHeader(frame.value);
        yield { header };
        break;
      case 'record': {
        const name = Buffer.from(frame.value.key);
        if (Buffer.compare(last, name) >= 0) throw invalid('its records are not in order');
        last = name;
        records++;
        digest.add(frame.value);
        count(counts, frame.value.key);
        yield { record: frame.value };
        break;
      }
      case 'end':
        ended = true;
        if (!digest.finish().equals(frame.value.digest)) throw invalid('its records are not those that it was made with');
        yield { end: { ...header!, ...frame.value, records } };
    }
  }
  if (!ended) throw invalid('it has no end');
}

/** The refusal of a file that is no whole snapshot. */
export function invalid(why: string, cause?: unknown): DomainError {
  return new DomainError('snapshot_invalid', `snapshot: want a whole and unchanged one, but ${why}; take another`, { cause });
}

function count(counts: Record<string, number>, key: string): void {
  const kind = kindOf(key) ?? 'other';
  counts[kind] = (counts[kind] ?? 0) + 1;
}

function framed(frame: NonNullable<SnapshotFrame['frame']>): Uint8Array {
  return SnapshotFrame.encode({ frame }, new BinaryWriter().fork()).join().finish();
}

function checkHeader(header: SnapshotHeader): SnapshotHeader {
  if (header.format === FORMAT && header.schema <= RECORD_SCHEMA) return header;
  throw new DomainError('snapshot_invalid', `snapshot: want format ${FORMAT} and a schema of at most ${RECORD_SCHEMA}, got ${header.format} and ${header.schema}; read it with the nc-server that wrote it`);
}

async function* framesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<SnapshotFrame> {
  const input = new Input(chunks);
  if (!(await input.take(MAGIC.length)).equals(MAGIC)) throw invalid('it begins like something else');
  while (await input.more()) {
    const length = await frameLength(input);
    const bytes = await input.take(length);
    try {
      yield SnapshotFrame.decode(bytes);
    } catch (cause) {
      throw cause instanceof DomainError ? cause : invalid('a piece of it cannot be read', cause);
    }
  }
}

/** @see https://protobuf.dev/programming-guides/encoding/#varints */
async function frameLength(input: Input): Promise<number> {
  let length = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const [byte = 0] = await input.take(1);
    length += (byte & 0x7f) << shift;
    if (length > LONGEST_FRAME) break;
    if (byte < 0x80) return length;
  }
  throw invalid('a piece of it is too long');
}

/** Bytes that come in pieces, taken in others. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async more(): Promise<boolean> {
    while (this.#held.length === 0) if (!(await this.#fetch())) return false;
    return true;
  }

  async take(length: number): Promise<Buffer> {
    while (this.#held.length < length) if (!(await this.#fetch())) throw invalid('it ends too early');
    const taken = this.#held.subarray(0, length);
    this.#held = this.#held.subarray(length);
    return taken;
  }

  async #fetch(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done === true) return false;
    this.#held = this.#held.length === 0 ? Buffer.from(value) : Buffer.concat([this.#held, value]);
    return true;
  }
}
