import { KINDS, ROOT, type RecordKind } from '../keys.js';

/** Kinds whose keys have a shard before the id. */
const SHARDED: readonly RecordKind[] = ['wireguardKey', 'token', 'use', 'exchange', 'certificate', 'dnsName', 'apiToken'];

/** Kinds whose keys have a network and then a shard. */
const SHARDED_BY_NETWORK: readonly RecordKind[] = ['node', 'address', 'name', 'service', 'presence', 'nodeBundle'];

const SHARDS = 256;

/**
 * Where a long list may be cut, in order. etcd counts all that lies in a range, however short the page that is wanted, so a long range is
 * read in pieces, each of them about as long as a page. Between two cuts may lie anything: no key is left out because nobody expected it.
 *
 * @param networks Names of those that there are.
 */
export function cutsOf(networks: readonly string[]): string[] {
  const folders = [
    ...SHARDED.map((kind) => `${ROOT}${KINDS[kind]}/`),
    ...SHARDED_BY_NETWORK.flatMap((kind) => networks.map((network) => `${ROOT}${KINDS[kind]}/${network}/`)),
  ];
  return folders.flatMap((folder) => Array.from({ length: SHARDS }, (_, i) => folder + i.toString(16).padStart(2, '0'))).sort();
}

/** The ranges that a list is read in: short ones where there is much, long ones where there is little. */
export class Strides {
  readonly #cuts: readonly Buffer[];
  /** The first cut that may still be ahead. */
  #next = 0;
  #length = 1;

  /** @param end Where the list ends, undefined for nowhere. */
  constructor(cuts: readonly string[], end: string | undefined) {
    this.#cuts = cuts.filter((cut) => end === undefined || cut < end).map((cut) => Buffer.from(cut));
  }

  /** The end of the range that begins at `key`, which comes after those before; undefined when that is the end of the list. */
  endAfter(key: Buffer): Buffer | undefined {
    while (this.#next < this.#cuts.length && Buffer.compare(this.#cuts[this.#next]!, key) <= 0) this.#next++;
    return this.#cuts[this.#next + this.#length - 1];
  }

  /** Tells what came of the last range: more than a page, or a page of which `part` was full. */
  saw(more: boolean, part: number): void {
    if (more) this.#length = Math.max(1, this.#length >> 2);
    else if (part < 0.5) this.#length *= 2;
  }
}
