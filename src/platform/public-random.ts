import { randomFillSync } from 'node:crypto';

/** So many octets are asked for at a time: asking takes longer than making them. */
const BLOCK_BYTES = 4_096;

let block = Buffer.alloc(0);
let used = 0;

/**
 * Random octets for ids and serial numbers: nobody can guess them, and everybody may know them afterwards.
 *
 * They come from the same source as `randomBytes`, a block at a time, and wait in memory until they are used. A secret has its octets made for it.
 *
 * @param count At most 4096.
 */
export function publicRandom(count: number): Buffer {
  if (used + count > block.length) {
    block = randomFillSync(Buffer.allocUnsafeSlow(BLOCK_BYTES));
    used = 0;
  }
  const octets = Buffer.from(block.subarray(used, used + count));
  used += count;
  return octets;
}
