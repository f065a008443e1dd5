/** Octets of a block. */
export const BLOCK_BYTES = 64;

/** The order of a block's words in each round. @see RFC 7693 §2.7 */
const SIGMA = Uint8Array.from(
  ['0123456789abcdef', 'ea489fd61c02b753', 'b8c052fdae367194', '7931dcbe265a40f8', '905724afe1bc683d', '2c6a0b834d75fe19', 'c51fed4a0763928b', 'db7ec13950f4862a', '6fe9b308c2d714a5', 'a2847615fb9e3cd0'].join(''),
  (digit) => parseInt(digit, 16),
);

/** @see RFC 7693 §2.6 */
const IV = Int32Array.of(0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19);

/** What BLAKE2s is between two blocks: eight words. */
export type Chain = Int32Array;

/** The working words of the block that is taken in. They are nobody's between two calls, and make no object for each. */
const V = new Int32Array(16);

/** BLAKE2s with a key, after the block that holds the key. @param digestBytes Length of the digest. @see RFC 7693 §2.5, §3.3 */
export function keyed(key: Uint8Array, digestBytes: number): Chain {
  const chain = IV.slice();
  chain[0]! ^= 0x01010000 ^ (key.length << 8) ^ digestBytes;
  takeBlock(chain, wordsOf(key), 0, BLOCK_BYTES, false);
  return chain;
}

/** The octets as words, little-endian, in whole blocks filled with zeros. */
export function wordsOf(data: Uint8Array): Int32Array {
  const blocks = Buffer.alloc(Math.ceil(data.length / BLOCK_BYTES) * BLOCK_BYTES);
  blocks.set(data);
  return Int32Array.from({ length: blocks.length / 4 }, (_, n) => blocks.readInt32LE(n * 4));
}

/**
 * Takes one block into `chain`.
 *
 * @param words  Of {@link wordsOf}; the block begins at word `offset`.
 * @param length Octets up to the end of this block, the key's block counted, less than 2³².
 * @param isLast After it, the chain is the digest.
 * @see RFC 7693 §3.2
 */
export function takeBlock(chain: Chain, words: Int32Array, offset: number, length: number, isLast: boolean): void {
  V.set(chain);
  V.set(IV, 8);
  V[12]! ^= length;
  if (isLast) V[14] = ~V[14]!;
  for (let s = 0; s < SIGMA.length; s += 16) {
    for (let n = 0; n < 4; n++) mix(n, 4 + n, 8 + n, 12 + n, words[offset + SIGMA[s + 2 * n]!]!, words[offset + SIGMA[s + 2 * n + 1]!]!);
    for (let n = 0; n < 4; n++) mix(n, 4 + ((n + 1) & 3), 8 + ((n + 2) & 3), 12 + ((n + 3) & 3), words[offset + SIGMA[s + 8 + 2 * n]!]!, words[offset + SIGMA[s + 9 + 2 * n]!]!);
  }
  for (let n = 0; n < 8; n++) chain[n]! ^= V[n]! ^ V[n + 8]!;
}

/** @see RFC 7693 §3.1 */
function mix(atA: number, atB: number, atC: number, atD: number, x: number, y: number): void {
  let [a, b, c, d] = [V[atA]!, V[atB]!, V[atC]!, V[atD]!];
  a = (a + b + x) | 0;
  d = rotated(d ^ a, 16);
  c = (c + d) | 0;
  b = rotated(b ^ c, 12);
  a = (a + b + y) | 0;
  d = rotated(d ^ a, 8);
  c = (c + d) | 0;
  b = rotated(b ^ c, 7);
  V[atA] = a;
  V[atB] = b;
  V[atC] = c;
  V[atD] = d;
}

/** To the right. */
function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}
