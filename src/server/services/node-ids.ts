import { publicRandom } from '../../platform/public-random.js';

/** What is random in an id; the other 42 bits are UTC ms, good until 2109. */
const RANDOM_BITS = 22n;

/** Two ids of one millisecond are at most so far apart. */
const STEP_BYTES = 2;

/**
 * Makes ids of nodes, each greater than the one before, so that what is sorted by them grows at its end: the rows of nodes that register
 * together lie together, and the disk is given one page and not one for each. An id is no secret.
 */
export class NodeIds {
  #last = 0n;

  /** An id: 16 hex digits, time first. @param nowMs UTC ms; when it was set back the ids go on from the last one. */
  next(nowMs: number): string {
    const fromClock = BigInt.asUintN(64, (BigInt(nowMs) << RANDOM_BITS) | (random(3) >> 2n));
    this.#last = fromClock > this.#last ? fromClock : this.#last + 1n + random(STEP_BYTES);
    return this.#last.toString(16).padStart(16, '0');
  }
}

function random(bytes: number): bigint {
  return BigInt(publicRandom(bytes).readUIntBE(0, bytes));
}
