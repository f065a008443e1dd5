import { createHash } from 'node:crypto';

/** What a digest counts of a record: where it is kept and since when do not matter. */
export interface KeyAndValue {
  readonly key: string;
  readonly value: Uint8Array;
}

/** SHA-256 over records in the order of their keys: equal for two stores that hold the same. */
export class RecordDigest {
  readonly #hash = createHash('sha256');

  add({ key, value }: KeyAndValue): void {
    const name = Buffer.from(key);
    const lengths = Buffer.alloc(8);
    lengths.writeUInt32BE(name.length, 0);
    lengths.writeUInt32BE(value.byteLength, 4);
    this.#hash.update(lengths).update(name).update(value);
  }

  /** 32 octets; nothing can be added after. */
  finish(): Buffer {
    return this.#hash.digest();
  }
}
