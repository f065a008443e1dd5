import { execFile, spawn } from 'node:child_process';
import { closeSync, createReadStream, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { percentile } from './bench.js';
import { pinned } from './pin.js';

const execute = promisify(execFile);
const CLIENTS = 16;
/** Queries that wait for an answer, of all clients together. */
const WAITING = 200;

/** Whom dnsperf(1) asks, what, and how. */
export interface Asking {
  readonly port: number;
  /** File with a name and a type a line. */
  readonly queries: string;
  /** Over UDP when left out. */
  readonly over?: 'udp' | 'tcp' | 'doh';
  /** Whether signatures are asked for. */
  readonly signed?: boolean;
}

/** At a steady rate, for so long; `waiting` is how many queries may be without an answer before it asks no more, 200 when left out. */
export interface Steady {
  readonly seconds: number;
  readonly ratePerSecond: number;
  readonly waiting?: number;
}

/** Steadily, or as fast as answers come, or that for each query of the file once. */
export type Extent = Steady | { readonly seconds: number } | 'each once';

/** What one run of dnsperf(1) saw. */
export interface Seen {
  readonly answered: number;
  readonly perSecond: number;
  readonly lost: number;
}

/** A load that goes on until it is ended. */
export interface Load {
  /** Whether it still asks. */
  isOn(): boolean;
  end(): Promise<Seen>;
}

/** Lets dnsperf(1) ask. */
export async function ask(asking: Asking, extent: Extent): Promise<Seen> {
  const { stdout } = await execute(...command(argv(asking, extent)));
  return seenIn(stdout);
}

/** Lets it ask at a steady rate until it is told to end, or for `seconds` at most. */
export function startLoad(asking: Asking, extent: Steady): Load {
  const running = execute(...command(argv(asking, extent)));
  const { child } = running;
  return {
    isOn: () => child.exitCode === null && child.signalCode === null,
    async end() {
      // It then ends as if its time were over.
      child.kill('SIGINT');
      return seenIn((await running).stdout);
    },
  };
}

/**
 * Lets it ask at a steady rate and say of each query how long the answer took.
 *
 * @param file Where it says so; a pipe would wake whoever is being measured.
 * @returns the 99th percentile, ms. A query without an answer counts as one that took for ever.
 */
export async function askForLatency(asking: Asking, extent: Steady, file: string): Promise<number> {
  const output = openSync(file, 'w');
  const child = spawn(...command(['-v', ...argv(asking, extent)]), { stdio: ['ignore', output, 'inherit'] });
  await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  closeSync(output);
  const latencies: number[] = [];
  for await (const line of createInterface({ input: createReadStream(file) })) {
    const [, code, seconds] = /^> (\S+) \S+ \S+(?: (\d\S*))?$/.exec(line) ?? [];
    if (code !== undefined && code !== 'I') latencies.push(seconds === undefined ? Infinity : Number(seconds) * 1000);
  }
  return percentile(latencies, 0.99);
}

function command(words: readonly string[]): [string, string[]] {
  return pinned('client', ['dnsperf', ...words]);
}

function argv({ port, queries, over = 'udp', signed = false }: Asking, extent: Extent): string[] {
  const how = over === 'doh' ? ['-m', 'doh', '-O', `doh-uri=https://127.0.0.1:${port}/dns-query`, '-O', 'doh-method=POST'] : ['-m', over];
  // Debian 12's dnsperf gives up when two answers of a connection over HTTPS come at once: there each has its thread, and one query at a time.
  const clients = over === 'doh' ? ['-c', String(CLIENTS), '-T', String(CLIENTS), '-q', String(CLIENTS)] : ['-c', String(CLIENTS), '-T', '1'];
  return ['-s', '127.0.0.1', '-p', String(port), '-d', queries, ...how, ...bounds(extent), ...clients, ...(signed ? ['-D'] : [])];
}

function bounds(extent: Extent): string[] {
  if (extent === 'each once') return ['-q', String(WAITING), '-n', '1'];
  const steady = 'ratePerSecond' in extent ? extent : undefined;
  const rate = steady === undefined ? [] : ['-Q', String(Math.round(steady.ratePerSecond))];
  return ['-q', String(steady?.waiting ?? WAITING), '-l', String(extent.seconds), ...rate];
}

/** @throws Error when it is no report, or when not every answer was NOERROR: other answers cost something else. */
function seenIn(report: string): Seen {
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? Number.NaN);
  const answered = number(/Queries completed:\s+(\d+)/);
  if (!(answered > 0) || !/Response codes:\s+NOERROR \d+ \(100\.00%\)/.test(report)) throw new Error(`dnsperf: want answers, each NOERROR, got:\n${report}`);
  return { answered, perSecond: number(/Queries per second:\s+([\d.]+)/), lost: number(/Queries lost:\s+(\d+)/) };
}
