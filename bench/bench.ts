/** What a value is held against. */
export type Target =
  | { readonly kind: 'at least' | 'at most'; readonly of: 'value' | 'ratio'; readonly limit: number };

/** One thing measured, in as many rounds as there are values. */
export interface Measured {
  readonly what: string;
  readonly unit: string;
  /** One of each round. */
  readonly values: readonly number[];
  /** The bare operation below it, measured in the same rounds: what this machine could do at best right now. */
  readonly floor?: { readonly what: string; readonly values: readonly number[] };
  readonly targets?: readonly Target[];
}

/** A bench as `npm run bench` runs it. */
export interface Bench {
  /** What it measures, in a sentence. */
  readonly title: string;
  /** @param progress Takes a line about what is being done. */
  run(progress: (line: string) => void): Promise<readonly Measured[]>;
}

/** A {@link Measured} brought down to one value. */
export interface Summary {
  readonly what: string;
  readonly unit: string;
  /** Median of the rounds. */
  readonly value: number;
  readonly rounds: number;
  readonly floorWhat?: string;
  readonly floor?: number;
  /** Median of the rounds' own ratios: what disturbs a round disturbs both. */
  readonly ratio?: number;
  readonly targets: readonly (Target & { readonly isMet: boolean })[];
}

/** Brings the rounds down to medians and holds them against the targets. */
export function summarize({ what, unit, values, floor, targets = [] }: Measured): Summary {
  const value = median(values);
  const ratio = floor === undefined ? undefined : median(values.map((each, round) => each / (floor.values[round] ?? Number.NaN)));
  return {
    what,
    unit,
    value,
    rounds: values.length,
    ...(floor !== undefined && { floorWhat: floor.what, floor: median(floor.values) }),
    ...(ratio !== undefined && { ratio }),
    targets: targets.map((target) => ({ ...target, isMet: isMet(target, target.of === 'ratio' ? ratio : value) })),
  };
}

/** Of an even number of values the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Linear between the two nearest values; NaN of none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = part * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return below === undefined || above === undefined ? Number.NaN : below + (above - below) * (at - Math.floor(at));
}

/**
 * How many times its first the last of `values` is, by the straight line that fits them best: the median of the slopes between all pairs
 * (Theil and Sen), which some disturbed rounds do not bend.
 */
export function trend(values: readonly number[]): number {
  const slopes = values.flatMap((from, i) => values.slice(i + 1).map((to, j) => (to - from) / (j + 1)));
  const slope = median(slopes);
  const start = median(values.map((value, i) => value - slope * i));
  return (start + slope * (values.length - 1)) / start;
}

/**
 * Runs `task` again and again for about `ms`.
 *
 * @param batch How often between two looks at the clock, which takes a while itself.
 * @returns How often a second.
 */
export function ratePerSecond(ms: number, task: () => void, batch = 8): number {
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < ms) {
    for (let i = 0; i < batch; i++) task();
    count += batch;
  }
  return (count * 1000) / (performance.now() - start);
}

/** What {@link runAll} saw. */
export interface Throughput {
  readonly perSecond: number;
  /** Of each task, ms. */
  readonly latencies: readonly number[];
}

/** Runs one task for each of `inputs`, `inFlight` at a time; begins no more after `limitMs`, for a busy machine. */
export async function runAll<T>(inputs: Iterable<T>, { inFlight, limitMs }: { inFlight: number; limitMs: number }, task: (input: T) => Promise<unknown>): Promise<Throughput> {
  const latencies: number[] = [];
  const queue = (function* () {
    yield* inputs;
  })();
  const begun = performance.now();
  const worker = async (): Promise<void> => {
    for (const input of queue) {
      const start = performance.now();
      if (start - begun > limitMs) return;
      await task(input);
      latencies.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return { perSecond: (latencies.length * 1000) / (performance.now() - begun), latencies };
}

function isMet({ kind, limit }: Target, value = Number.NaN): boolean {
  return kind === 'at least' ? value >= limit : value <= limit;
}
