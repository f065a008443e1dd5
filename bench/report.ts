import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { formatTable, type Column } from '../src/platform/text-table.js';
import type { Summary, Target } from './bench.js';

const RESULTS = fileURLToPath(new URL('results/', import.meta.url));
const DEFAULT_WIDTH = 100;

/** One run of one bench, as a line of `bench/results/<name>.jsonl`: where it ran is told, whose machine it was is not. */
export interface Run {
  readonly bench: string;
  readonly at: string;
  /** Short hash; `+` behind it when files were changed. */
  readonly commit: string;
  readonly machine: { readonly cores: number; readonly cpu: string; readonly node: string; readonly load: number };
  readonly results: readonly Summary[];
}

/** Puts what was measured together with when, of what and on what. */
export function describeRun(bench: string, results: readonly Summary[]): Run {
  const load = Math.round((loadavg()[0] ?? 0) * 10) / 10;
  const machine = { cores: availableParallelism(), cpu: cpus()[0]?.model ?? '', node: process.versions.node, load };
  return { bench, at: new Date().toISOString(), commit: commit(), machine, results };
}

/** Appends the run to its file. */
export function keepRun(run: Run): void {
  mkdirSync(RESULTS, { recursive: true });
  appendFileSync(`${RESULTS}${run.bench}.jsonl`, `${JSON.stringify(run)}\n`);
}

/** The run as a table, as wide as the terminal. */
export function formatRun({ results, machine, commit: of }: Run): string {
  const table = formatTable(COLUMNS, results, { headers: true, wide: false, width: process.stdout.columns ?? DEFAULT_WIDTH });
  const busy = machine.load > machine.cores ? `; the machine was busy (load ${machine.load}), believe the ratios only` : '';
  return `${table}medians; ${of}, ${machine.cores} cores, node ${machine.node}${busy}\n`;
}

/** What every run says of its targets, as one table, and how many of them are met. */
export function formatTargets(runs: readonly Run[]): string {
  const rows = runs.flatMap(({ bench, results }) => results.filter(({ targets }) => targets.length > 0).map((result) => ({ bench, ...result })));
  const all = rows.flatMap(({ targets }) => targets);
  const table = formatTable([{ title: 'BENCH', cell: ({ bench }) => bench }, ...COLUMNS], rows, { headers: true, wide: false, width: process.stdout.columns ?? DEFAULT_WIDTH });
  return `${table}${all.filter(({ isMet }) => isMet).length} of ${all.length} targets are met\n`;
}

const COLUMNS: readonly Column<Summary>[] = [
  { title: 'MEASURED', cell: ({ what }) => what, yields: 1 },
  { title: 'VALUE', cell: ({ value, unit }) => `${readable(value)} ${unit}`, align: 'right' },
  { title: 'FLOOR', cell: ({ floor, floorWhat }) => (floor === undefined ? '' : `${readable(floor)} ${floorWhat}`), yields: 2 },
  { title: 'RATIO', cell: ({ ratio }) => (ratio === undefined ? '' : readable(ratio)), align: 'right' },
  { title: 'TARGET', cell: ({ targets }) => targets.map(targetText).join(', ') },
];

function targetText({ kind, of, limit, isMet }: Target & { readonly isMet: boolean }): string {
  return `${of === 'ratio' ? 'ratio ' : ''}${kind === 'at least' ? '≥' : '≤'} ${limit} ${isMet ? 'pass' : 'MISS'}`;
}

/** Three digits that matter. */
function readable(value: number): string {
  if (!Number.isFinite(value)) return '–';
  return Math.abs(value) >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
}

function commit(): string {
  const git = (...argv: string[]): string => execFileSync('git', argv, { encoding: 'utf8', cwd: RESULTS.replace(/results\/$/, '') }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--', '../src') === '' ? '' : '+');
  } catch {
    // A copy without its history still has a speed.
    return 'unknown';
  }
}
