import { fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, type Bench, type Measured, type Target } from './bench.js';

/** What the server held when an hour of its clock was over. */
export interface SoakHour {
  readonly hour: number;
  /** RSS after garbage collection. */
  readonly residentBytes: number;
  /** What is in use of V8's heap after garbage collection, and of memory that its objects hold beside it. */
  readonly usedBytes: number;
  /** Of all files of the server. */
  readonly fileBytes: number;
  /** Revisions in the event log. */
  readonly keptRevisions: number;
  /** Made in this hour. */
  readonly madeRevisions: number;
}

/** A day, or `BENCH_HOURS`. */
const HOURS = Number(process.env['BENCH_HOURS'] ?? 24);
/** Until certificates, revocations and the event log have gone round once. */
const WARM_UP_HOURS = Math.ceil(HOURS / 3);
const FLAT: readonly Target[] = [{ kind: 'at most', of: 'ratio', limit: 1.1 }];

/** A day of comings and goings with a clock that does not wait: what grows with time although nothing grows. */
export const bench: Bench = {
  title: `${HOURS} hours of joins, leaves, renewals, renames and lost connections at two hundred nodes, a minute of the clock as soon as the one before is done`,
  async run(progress): Promise<readonly Measured[]> {
    const hours = (await soak(progress)).slice(WARM_UP_HOURS);
    const third = Math.ceil(hours.length / 3);
    const rise = (what: string, unit: string, of: (hour: SoakHour) => number, over = median): Measured => {
      const [first, last] = [hours.slice(0, third), hours.slice(-third)].map((part) => over(part.map(of))) as [number, number];
      return { what: `${what}, at the end`, unit, values: [last], floor: { what: `${unit}, after ${WARM_UP_HOURS} h`, values: [first] }, targets: FLAT };
    };
    return [
      rise('memory (RSS)', 'MiB', ({ residentBytes }) => residentBytes / 1_048_576),
      // Without a target: what agents may have missed is kept for some thousand changes, which is half a day of these.
      { ...rise('of it in use by objects', 'MiB', ({ usedBytes }) => usedBytes / 1_048_576), targets: [] },
      // The write-ahead log grows for nine hours and starts over: of that the highest tells.
      rise('files at most', 'MiB', ({ fileBytes }) => fileBytes / 1_048_576, (values) => Math.max(...values)),
      rise('event log, of which an hour is kept', 'revisions', ({ keptRevisions }) => keptRevisions),
      { what: 'revisions made in an hour', unit: '', values: hours.map(({ madeRevisions }) => madeRevisions) },
    ];
  },
};

/** In a process of its own, whose memory is nobody else's. */
async function soak(progress: (line: string) => void): Promise<SoakHour[]> {
  const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  const hours: SoakHour[] = [];
  try {
    const child = fork(fileURLToPath(new URL('soak-process.ts', import.meta.url)), [folder, String(HOURS)], { execArgv: ['--expose-gc', '--import', 'tsx'] });
    child.on('message', (hour: SoakHour) => {
      hours.push(hour);
      progress(`hour ${hour.hour}: ${(hour.residentBytes / 1_048_576).toFixed(0)} MiB, ${(hour.usedBytes / 1_048_576).toFixed(1)} MiB of it in use, files ${(hour.fileBytes / 1_048_576).toFixed(1)} MiB, ${hour.keptRevisions} revisions kept`);
    });
    const code = await new Promise((resolve) => child.once('exit', resolve));
    if (code !== 0) throw new Error(`the process of the soak ended with ${String(code)}`);
    return hours;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
