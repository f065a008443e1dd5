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
/** CPU for CPU; one of them will do. */
const UDP_TARGETS: Readonly<Record<string, Target>> = { unbound: { kind: 'at least', of: 'ratio', limit: 0.7 }, knotd: { kind: 'at least', of: 'ratio', limit: 0.6 } };
/** What our answer may cost beside what Node.js takes for any datagram, µs. */
const OWN_TARGET: Target = { kind: 'at most', of: 'value', limit: 1.5 };
const P99_TARGET: Target = { kind: 'at most', of: 'value', limit: 2 };

/** One of a pair: who is asked, and how. */
type Side = Omit<Asking, 'queries'> & { readonly subject: Subject };

/** A line of the table for each of `others`, who are asked in the same round; one line without any. */
interface Contest {
  readonly what: string;
  readonly ours: Side;
  readonly others: readonly Side[];
  readonly targets?: Readonly<Record<string, Target>>;
}

/** Takes a line about what is being done. */
type Progress = (line: string) => void;

/** The name server under dnsperf(1), beside knot, nsd and unbound where this machine has them, and beside what Node.js takes for any datagram. */
export const bench: Bench = {
  title: `names of ${NODES} nodes; each name server has one core, dnsperf(1) the other`,
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
  const first = await measureContests(field, firstContests(field), 1, 'each once', progress);
  const udpLines = await measureContests(field, [udpContest(field)], ROUNDS, { seconds: SECONDS }, progress);
  const others = await measureContests(field, contests(field), ROUNDS, { seconds: SECONDS }, progress);
  const { perSecond } = await ask(udp(field, field.ours), { seconds: SECONDS });
  const changes = await measureChanges(field.whole.server, udp(field, field.whole), perSecond / 2);
  // Done with, they would tidy their memory on the core of the one that is measured, for tens of milliseconds.
  await Promise.all([field.signed, field.forwarding, field.whole.server].map((server) => server.stop()));
  const latencies = await measureLatency(field, perSecond / 2);
  const stall = await measureStall(field);
  const rest = [ownCost(udpLines), ...latencies, stall, ...changes];
  rest.forEach((line) => progress(said(line)));
  return [...udpLines, ...others, ...first, ...rest];
}

/** Before anybody has kept an answer. What is kept here is asked for in all that follows. */
function firstContests({ ours, signed, forwarding, unbound, forwardingUnbound }: Field): Contest[] {
  return [
    { what: 'authoritative, each name the first time', ours: side(ours), others: sides(unbound) },
    { what: 'signed, each name the first time', ours: { ...side(signed), signed: true }, others: [] },
    { what: 'forwarded, each name the first time', ours: side(forwarding), others: sides(forwardingUnbound) },
  ];
}

function udpContest({ ours, echo, knot, nsd, unbound }: Field): Contest {
  return { what: 'authoritative, UDP', ours: side(ours), others: sides(unbound, knot, nsd, echo), targets: UDP_TARGETS };
}

function contests({ ours, signed, forwarding, whole, unbound, forwardingUnbound }: Field): Contest[] {
  const overHttps = { ...side(whole), port: whole.httpsPort, over: 'doh' } as const;
  return [
    { what: 'authoritative, TCP', ours: { ...side(ours), over: 'tcp' }, others: sides(unbound).map((each) => ({ ...each, over: 'tcp' })) },
    { what: 'authoritative, HTTPS', ours: overHttps, others: unbound ? [{ ...side(unbound), over: 'doh', port: unbound.httpsPort }] : sides(ours) },
    { what: 'signed, UDP', ours: { ...side(signed), signed: true }, others: [] },
    { what: 'forwarded, UDP, all kept', ours: side(forwarding), others: sides(forwardingUnbound) },
  ];
}

function side(subject: Subject): Side {
  return { subject, port: subject.port };
}

function sides(...subjects: (Subject | undefined)[]): Side[] {
  return subjects.filter((each) => each !== undefined).map(side);
}

function udp({ queries }: Field, { port }: Subject): Asking {
  return { port, queries };
}

async function measureContests({ queries }: Field, all: readonly Contest[], rounds: number, extent: Extent, progress: Progress): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const { what, ours, others, targets } of all) {
    const each = [ours, ...others];
    // A server runs for months: what the first second costs, compiling and filling, is told by the lines "the first time".
    if (extent !== 'each once') for (const one of each) await perCore(one, queries, extent);
    const values = each.map((): number[] => []);
    for (let round = 0; round < rounds; round++) for (const [i, one] of each.entries()) values[i]!.push(await perCore(one, queries, extent));
    const lines = besides(what, '/s per core', values[0]!, others.map(({ subject }, i) => [subject.name, values[i + 1]!]), targets);
    lines.forEach((line) => progress(said(line)));
    measured.push(...lines);
  }
  return measured;
}

/** One line for each of the others, or one alone. */
function besides(what: string, unit: string, values: number[], others: readonly (readonly [name: string, values: number[]])[], targets: Readonly<Record<string, Target>> = {}): Measured[] {
  if (others.length === 0) return [{ what, unit, values }];
  return others.map(([name, theirs], i) => {
    const target = targets[name] ?? (i === 0 ? targets['ours'] : undefined);
    return { what: i === 0 ? what : `the same, beside ${name}`, unit, values, floor: { what: `of ${name}`, values: theirs }, ...(target && { targets: [target] }) };
  });
}

/** @returns answers per second of CPU: what one core would answer if it did nothing else. */
async function perCore({ subject, ...how }: Side, queries: string, extent: Extent): Promise<number> {
  const before = subject.cpuSeconds();
  const { answered } = await ask({ queries, ...how }, extent);
  return answered / (subject.cpuSeconds() - before);
}

/** What we take for a query beyond what an echo takes. @param lines Of the contest that had one. */
function ownCost(lines: readonly Measured[]): Measured {
  const { values, floor } = lines.at(-1)!;
  const echo = floor!.values.map((perSecond) => 1e6 / perSecond);
  return { what: 'our own part of an answer over UDP', unit: 'µs', values: values.map((perSecond, i) => 1e6 / perSecond - echo[i]!), floor: { what: 'µs of an echo in Node.js', values: echo }, targets: [OWN_TARGET] };
}

/** All at the same rate: half of what we answer at most. */
async function measureLatency(field: Field, ratePerSecond: number): Promise<Measured[]> {
  const file = join(field.dir, 'latencies');
  const each = [field.ours, ...[field.unbound, field.knot, field.echo].filter((one) => one !== undefined)];
  const values = each.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) for (const [i, one] of each.entries()) values[i]!.push(await askForLatency(udp(field, one), { seconds: SECONDS, ratePerSecond }, file));
  const what = `p99 over UDP at half of our load, ${Math.round(ratePerSecond).toLocaleString('en')}/s`;
  const [ours, ...others] = each.map(({ name }, i) => [name, values[i]!] as const);
  return besides(what, 'ms', ours![1], others, { ours: P99_TARGET });
}

/** The main thread does nothing for a second in every second and a half; nobody asks again meanwhile. */
async function measureStall(field: Field): Promise<Measured> {
  field.ours.stall(true);
  const { lost } = await ask(udp(field, field.ours), STALL).finally(() => field.ours.stall(false));
  return { what: `lost at ${STALL.ratePerSecond.toLocaleString('en')}/s while the main thread stands still`, unit: 'queries', values: [lost], targets: [{ kind: 'at most', of: 'value', limit: 0 }] };
}

function said({ what, unit, values, floor }: Measured): string {
  const short = (all: readonly number[]): string => Number(median(all).toPrecision(3)).toLocaleString('en');
  return `${what}: ${short(values)} ${unit}${floor ? ` (${short(floor.values)} ${floor.what})` : ''}`;
}
