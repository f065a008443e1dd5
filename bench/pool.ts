import { Pool } from '../src/domain/pool.js';
import { ratePerSecond, type Bench, type Measured } from './bench.js';

/** Addresses of a /8. */
const SIZE = 2 ** 24;
const ROUNDS = 9;
const ROUND_MS = 300;
const BATCH = 1000;
const NS_PER_SECOND = 1e9;

/** Allocation in the largest network, nearly full. */
export const bench: Bench = {
  title: 'taking and giving back addresses of a /8 that is 99 % full',
  async run(progress): Promise<readonly Measured[]> {
    const pool = fill();
    progress(`${pool.taken} of ${pool.size} addresses are taken`);
    const words = new Uint32Array(SIZE / 32);
    const rounds = { allocate: [] as number[], touch: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      rounds.touch.push(NS_PER_SECOND / ratePerSecond(ROUND_MS, () => touch(words), BATCH));
      rounds.allocate.push(NS_PER_SECOND / ratePerSecond(ROUND_MS, () => allocate(pool), BATCH));
      progress(`round ${round + 1} of ${ROUNDS}`);
    }
    return [
      {
        what: 'allocate, and release another',
        unit: 'ns',
        values: rounds.allocate,
        floor: { what: 'ns to set and clear a bit at random', values: rounds.touch },
        targets: [{ kind: 'at most', of: 'value', limit: 1000 }],
      },
      { what: 'memory of the pool', unit: 'MiB', values: [mebibytesOfAPool()], targets: [{ kind: 'at most', of: 'value', limit: 4 }] },
    ];
  },
};

/** Free addresses lie anywhere, as they do after years of coming and going. */
function fill(): Pool {
  const pool = new Pool(SIZE);
  while (pool.takeLowest() >= 0);
  while (pool.taken > SIZE * 0.99) pool.release(anyNumber());
  return pool;
}

function allocate(pool: Pool): void {
  pool.takeLowest();
  while (!pool.release(anyNumber()));
}

function touch(words: Uint32Array): void {
  const [set, clear] = [anyNumber(), anyNumber()];
  words[set >>> 5]! |= 1 << (set & 31);
  words[clear >>> 5]! &= ~(1 << (clear & 31));
}

function anyNumber(): number {
  return Math.floor(Math.random() * SIZE);
}

function mebibytesOfAPool(): number {
  const before = process.memoryUsage().arrayBuffers;
  const pool = new Pool(SIZE);
  const bytes = process.memoryUsage().arrayBuffers - before;
  return pool.size === SIZE ? bytes / 2 ** 20 : Number.NaN;
}
