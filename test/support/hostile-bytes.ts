import { createHash } from 'node:crypto';

/** Numbers from 0 up to, not including, `below`; the same sequence for the same seed. */
export type Random = (below: number) => number;

/** A sequence that a test can repeat. */
export function seeded(seed: string): Random {
  let state = createHash('sha256').update(seed).digest().readUInt32LE();
  return (below) => {
    // xorshift32; its state is never 0.
    state = (state || 1) ^ (state << 13);
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state % below;
  };
}

/** Numbers at the ends of their types, negative ones as 64-bit two's complement, and enum values that nobody has. */
const VARINTS: readonly bigint[] = [0n, 1n, 12_345n, 2n ** 31n - 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 53n - 1n, 2n ** 53n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n];

const TEXTS: readonly Buffer[] = [
  Buffer.alloc(0),
  Buffer.from('\0'),
  Buffer.from('web\0.default'),
  Buffer.alloc(12_000, 0x61),
  Buffer.from([0xff, 0xfe, 0xc0, 0x80]),
  Buffer.from('../../../etc/passwd'),
  Buffer.from("'; DROP TABLE node; --"),
  Buffer.from('%s%n$(id)`id`'),
  Buffer.from('\u202ename\u0000\ud83d\ude00'),
  Buffer.from('__proto__'),
  Buffer.from('-1'),
  Buffer.from('9223372036854775808'),
  Buffer.from('255.255.255.255'),
  Buffer.from('::ffff:10.66.0.1'),
];

/** The same as texts, as far as they are UTF-8. */
export const HOSTILE_TEXTS: readonly string[] = TEXTS.filter((bytes) => Buffer.from(bytes.toString()).equals(bytes)).map(String);

/** One field of a message: a number as varint, bytes with their length. @see https://protobuf.dev/programming-guides/encoding/ */
export function fieldOf(field: number, value: bigint | Buffer): Buffer {
  if (typeof value === 'bigint') return Buffer.concat([varint(BigInt(field << 3)), varint(value)]);
  return Buffer.concat([varint(BigInt((field << 3) | 2)), varint(BigInt(value.length)), value]);
}

/** Bytes that are a message by chance only. */
export function randomMessages(random: Random, count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(Array.from({ length: i === 0 ? 0 : 1 + random(200) }, () => random(256))));
}

/** A valid message with bits turned, cut short, doubled, or with some of its bytes gone. */
export function mutants(random: Random, valid: Buffer, count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const at = random(valid.length + 1);
    if (i % 4 === 0) return valid.subarray(0, at);
    if (i % 4 === 1) return Buffer.concat([valid, valid.subarray(at)]);
    if (i % 4 === 2) return Buffer.concat([valid.subarray(0, at), valid.subarray(at + 1 + random(4))]);
    const turned = Buffer.from(valid);
    for (let flips = 0; flips < 3 && turned.length > 0; flips++) turned[random(turned.length)]! ^= 1 << random(8);
    return turned;
  });
}

/** A valid message in which one field, or one field of a message inside, has become extreme: the last value of a field counts. */
export function extremeMessages(random: Random, valid: Buffer, count: number): Buffer[] {
  return Array.from({ length: count }, (_, i) => {
    const field = 1 + random(10);
    const extreme = Buffer.concat([fieldOf(field, pick(random, VARINTS)), fieldOf(field, pick(random, TEXTS))]);
    return Buffer.concat([valid, i % 3 === 0 ? fieldOf(1 + random(4), extreme) : extreme]);
  });
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[random(values.length)]!;
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
