import { join } from 'node:path';
import { median, type Bench, type Measured, type Target } from './bench.js';
import { measureChanges } from './dns-change.js';
import { startField, type Field, type Subject } from './dns-field.js';
import { NODES } from './dns-names.js';
import { ask, askForLatency, type Asking, type Extent } from './dnsperf.js';

const ROUNDS = 3;
const SECONDS = 1.5;
/** As many may wait as come in a second and more, so that dnsperf(1) goes on asking while nobody answers. */
const STALL = { seconds: 4, ratePerSecond: 5_000, waiting: 20_000 };
/** Of unbound; CPU for CPU. */
const UDP_TARGET: Target = { kind: 'at least', of: 'ratio', limit: 0.7 };
const P99_TARGET: Target = { kind: 'at most', of: 'value', limit: 2 };

/** One of a pair: who is asked, and how. */
type Side = Omit<Asking, 'queries'> & { readonly subject: Subject };

/** A line of the table: we, and beside us in the same round another. */
interface Pair {
  readonly what: string;
  readonly ours: Side;
  readonly theirs?: Side;
  /** What the other is called. */
  readonly floor?: string;
  readonly targets?: readonly Target[];
}

/** Takes a line about what is being done. */
type Progress = (line: string) => void;

/** The name server under dnsperf(1), beside nsd and unbound where this machine has them. */
export const bench: Bench = {
  title: `names of ${NODES} nodes, asked with dnsperf(1) on the same machine; each of the others has one thread`,
  async run(progress): Promise<readonly Measured[]> {
    const undo: (() => unknown)[] = [];
    try {
      const field = await startField((task) => undo.unshift(task));
      progress('all name servers answer');
      return await measureAll(field, progress);
    } finally {
      for (const task of undo) await task();
    }
  },
};

async function measureAll(field: Field, progress: Progress): Promise<Measured[]> {
  const first = await measurePairs(field, firstPairs(field), 1, 'each once', progress);
  const steady = await measurePairs(field, pairs(field), ROUNDS, { seconds: SECONDS }, progress);
  const { perSecond } = await ask(udp(field, field.ours), { seconds: SECONDS });
  const latency = await measureLatency(field, perSecond / 2);
  progress(said(latency));
  const stall = await measureStall(field);
  progress(said(stall));
  const changes = await measureChanges(field.whole.server, udp(field, field.whole), perSecond / 2);
  changes.forEach((change) => progress(said(change)));
  return [...steady, ...first, latency, stall, ...changes];
}

/** Before anybody has kept an answer. What is kept here is asked for in all that follows. */
function firstPairs({ ours, signed, forwarding, unbound, forwardingUnbound }: Field): Pair[] {
  return [
    { what: 'authoritative, each name the first time', ours: side(ours), ...beside(unbound) },
    { what: 'signed, each name the first time', ours: { ...side(signed), signed: true } },
    { what: 'forwarded, each name the first time', ours: side(forwarding), ...beside(forwardingUnbound) },
  ];
}

function pairs({ ours, signed, forwarding, whole, nsd, unbound, forwardingUnbound }: Field): Pair[] {
  const overHttps = { ...side(whole), port: whole.httpsPort, over: 'doh' } as const;
  return [
    { what: 'authoritative, UDP', ours: side(ours), ...beside(unbound), ...(unbound && { targets: [UDP_TARGET] }) },
    ...(nsd === undefined ? [] : [{ what: 'authoritative, UDP, beside nsd', ours: side(ours), ...beside(nsd) }]),
    { what: 'authoritative, TCP', ours: { ...side(ours), over: 'tcp' }, ...beside(unbound, { over: 'tcp' }) },
    { what: 'authoritative, HTTPS', ours: overHttps, ...(unbound ? beside(unbound, { over: 'doh', port: unbound.httpsPort }) : { theirs: side(ours), floor: 'of ours, UDP' }) },
    { what: 'signed, UDP', ours: { ...side(signed), signed: true } },
    { what: 'forwarded, UDP, all kept', ours: side(forwarding), ...beside(forwardingUnbound) },
  ];
}

function side(subject: Subject): Side {
  return { subject, port: subject.port };
}

function beside(subject: Subject | undefined, how: Partial<Side> = {}): Pick<Pair, 'theirs' | 'floor'> {
  return subject === undefined ? {} : { theirs: { ...side(subject), ...how }, floor: `of ${subject.name}` };
}

function udp({ queries }: Field, { port }: Subject): Asking {
  return { port, queries };
}

async function measurePairs({ queries }: Field, all: readonly Pair[], rounds: number, extent: Extent, progress: Progress): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const { what, ours, theirs, floor, targets } of all) {
    const [values, floors]: [number[], number[]] = [[], []];
    // A server runs for months: what the first second costs, compiling and filling, is told by the lines "the first time".
    if (extent !== 'each once') for (const each of theirs === undefined ? [ours] : [ours, theirs]) await perCore(each, queries, extent);
    for (let round = 0; round < rounds; round++) {
      values.push(await perCore(ours, queries, extent));
      if (theirs !== undefined) floors.push(await perCore(theirs, queries, extent));
    }
    measured.push({ what, unit: '/s per core', values, ...(floor !== undefined && { floor: { what: floor, values: floors } }), ...(targets && { targets }) });
    progress(said(measured.at(-1)!));
  }
  return measured;
}

/** @returns answers per second of CPU: what one core would answer if it did nothing else. */
async function perCore({ subject, ...how }: Side, queries: string, extent: Extent): Promise<number> {
  const before = subject.cpuSeconds();
  const { answered } = await ask({ queries, ...how }, extent);
  return answered / (subject.cpuSeconds() - before);
}

/** Both at the same rate: half of what we answer at most. */
async function measureLatency(field: Field, ratePerSecond: number): Promise<Measured> {
  const file = join(field.dir, 'latencies');
  const p99 = (subject: Subject): Promise<number> => askForLatency(udp(field, subject), { seconds: SECONDS, ratePerSecond }, file);
  const [values, floors]: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    values.push(await p99(field.ours));
    if (field.unbound !== undefined) floors.push(await p99(field.unbound));
  }
  const what = `p99 over UDP at half of our load, ${Math.round(ratePerSecond).toLocaleString('en')}/s`;
  return { what, unit: 'ms', values, ...(field.unbound && { floor: { what: 'of unbound', values: floors } }), targets: [P99_TARGET] };
}

/** The main thread does nothing for a second in every second and a half; nobody asks again meanwhile. */
async function measureStall(field: Field): Promise<Measured> {
  const timer = setInterval(() => {
    const end = performance.now() + 1000;
    while (performance.now() < end);
  }, 1500);
  const { lost } = await ask(udp(field, field.ours), STALL).finally(() => clearInterval(timer));
  return { what: `lost at ${STALL.ratePerSecond.toLocaleString('en')}/s while the main thread stands still`, unit: 'queries', values: [lost], targets: [{ kind: 'at most', of: 'value', limit: 0 }] };
}

function said({ what, unit, values, floor }: Measured): string {
  const short = (all: readonly number[]): string => Number(median(all).toPrecision(3)).toLocaleString('en');
  return `${what}: ${short(values)} ${unit}${floor ? ` (${short(floor.values)} ${floor.what})` : ''}`;
}
