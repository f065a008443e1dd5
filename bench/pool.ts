import { AddressPlan } from '../src/domain/address-plan.js';
import { parseCidr4, parseCidr6 } from '../src/domain/cidr.js';
import { Pool } from '../src/domain/pool.js';
import { ratePerSecond, type Bench, type Measured } from './bench.js';

/** Lengths of prefixes, from the largest network to the smallest. */
const PREFIXES = [8, 12, 16, 24, 30] as const;
const ROUNDS = 5;
const ROUND_MS = 200;
/** Pools of fewer addresses lie on V8's heap, whose octets are not told one by one. */
const OFF_HEAP = 2 ** 16;
/** What a pool may take beside one bit an address: its summary bits are a part of 1/31, and no level has less than a word. */
const BEYOND = { part: 1 / 31, bytes: 32 };
const BATCH = 1000;
const NS_PER_SECOND = 1e9;

/** Allocation in networks of all sizes, nearly full. */
export const bench: Bench = {
  title: 'taking and giving back addresses of networks that are 99 % full, from /8 to /30, and IPv6 beside them',
  async run(progress): Promise<readonly Measured[]> {
    const measured: Measured[] = [];
    for (const prefix of PREFIXES) {
      measured.push(allocation(prefix), ...(2 ** (32 - prefix) >= OFF_HEAP ? [memory(prefix)] : []));
      progress(`/${prefix}`);
    }
    return [...measured, pairs()];
  },
};

function allocation(prefix: number): Measured {
  const size = 2 ** (32 - prefix);
  const pool = fill(size);
  const words = new Uint32Array(Math.ceil(size / 32));
  const seen = { allocate: [] as number[], touch: [] as number[] };
  for (let round = 0; round < ROUNDS; round++) {
    seen.touch.push(NS_PER_SECOND / ratePerSecond(ROUND_MS, () => touch(words, size), BATCH));
    seen.allocate.push(NS_PER_SECOND / ratePerSecond(ROUND_MS, () => allocate(pool), BATCH));
  }
  return {
    what: `/${prefix}: allocate, and release another`,
    unit: 'ns',
    values: seen.allocate,
    floor: { what: 'ns to set and clear a bit at random', values: seen.touch },
    targets: [{ kind: 'at most', of: 'value', limit: 1000 }],
  };
}

/** Free addresses lie anywhere, as they do after years of coming and going. */
function fill(size: number): Pool {
  const pool = new Pool(size);
  while (pool.takeLowest() >= 0);
  while (pool.taken > size * 0.99) pool.release(anyNumber(size));
  return pool;
}

function allocate(pool: Pool): void {
  pool.takeLowest();
  while (!pool.release(anyNumber(pool.size)));
}

function touch(words: Uint32Array, size: number): void {
  const [set, clear] = [anyNumber(size), anyNumber(size)];
  words[set >>> 5]! |= 1 << (set & 31);
  words[clear >>> 5]! &= ~(1 << (clear & 31));
}

function anyNumber(below: number): number {
  return Math.floor(Math.random() * below);
}

function memory(prefix: number): Measured {
  const size = 2 ** (32 - prefix);
  const before = process.memoryUsage().arrayBuffers;
  const pool = new Pool(size);
  const bytes = process.memoryUsage().arrayBuffers - before;
  const limit = (size / 8) * (1 + BEYOND.part) + BEYOND.bytes;
  return { what: `/${prefix}: memory of the pool`, unit: 'bytes', values: [pool.size === size ? bytes : Number.NaN], targets: [{ kind: 'at most', of: 'value', limit: Math.min(Math.ceil(limit), 4 * 2 ** 20) }] };
}

/** An IPv6 prefix has no pool of its own: a host has the same number in both, so that a /64 costs no memory however large it is. */
function pairs(): Measured {
  const plan = new AddressPlan(parseCidr4('10.0.0.0/8'), parseCidr6('fd00:66::/64'));
  const task = (): void => {
    const host = anyNumber(plan.size);
    if (plan.hostOfStored(plan.addressesOf(host).bindIp) !== host) throw new Error('an address is not of its number');
  };
  const values = Array.from({ length: ROUNDS }, () => NS_PER_SECOND / ratePerSecond(ROUND_MS, task, BATCH));
  return { what: '/8 and IPv6 /64: both addresses of a number, and back', unit: 'ns', values };
}
