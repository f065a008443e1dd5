import { INTERFACE } from '../test/support/lab-agent.js';
import type { LabProcess } from '../test/support/lab-process.js';
import type { Lab } from '../test/support/lab.js';
import { TimedPings } from '../test/support/timed-pings.js';
import { until } from '../test/support/until.js';
import { median, type Bench, type Measured } from './bench.js';
import { startField, type Field } from './dataplane-field.js';
import { HAND } from './hand-wireguard.js';
import { tcpMbits } from './iperf.js';
import { cpuSecondsOf } from './server.js';

const DIRECT = { rounds: 9, seconds: 2 };
const RELAYED = { rounds: 5, seconds: 2 };
const FIRST_PINGS = 5;
const PING_MS = 60_000;

/** Real agents and a real controller in network namespaces, beside WireGuard that is configured by hand in the same ones. */
export const bench: Bench = {
  title: 'two nodes through WireGuard, beside the same configured by hand on the same machines',
  async run(progress): Promise<readonly Measured[]> {
    const field = await startField();
    try {
      progress('both pairs reach each other both ways');
      const measured: Measured[] = [];
      for (const part of [measureDirect, measureRelayed, measureFirstPings]) {
        const rows = await part(field);
        for (const { what, unit, values, floor } of rows) progress(`${what}: ${Math.round(median(values))} ${unit} (${Math.round(median(floor?.values ?? []))} ${floor?.what})`);
        measured.push(...rows);
      }
      return measured;
    } finally {
      await field.stop();
    }
  },
};

async function measureDirect({ lab, direct: { agents, handAddress } }: Field): Promise<Measured[]> {
  const tcp = (address: string): Promise<number> => tcpMbits(lab, agents[1].machine, agents[0].machine, address, DIRECT.seconds);
  const [values, floors] = await inTurns(DIRECT.rounds, [
    () => tcp(agents[0].bindIp),
    () => tcp(handAddress),
  ]);
  const floor = { what: 'by hand', values: floors };
  return [{ what: 'TCP through the agent\'s WireGuard, direct', unit: 'Mbit/s', values, floor, targets: [{ kind: 'at least', of: 'ratio', limit: 0.98 }] }];
}

async function measureRelayed({ lab, relayed: { agents, handAddress }, server, forwarder }: Field): Promise<Measured[]> {
  const tcp = (address: string): Promise<number> => tcpMbits(lab, agents[1].machine, agents[0].machine, address, RELAYED.seconds);
  const load = (relay: LabProcess, run: () => Promise<number>): Promise<Load> => measureLoad(lab, relay, run);
  const [ours, bare] = await inTurns(RELAYED.rounds, [
    () => load(server, () => tcp(agents[0].bindIp)),
    () => load(forwarder, () => tcp(handAddress)),
  ]);
  const row = (what: string, unit: string, of: (each: Load) => number): Measured => ({ what, unit, values: ours.map(of), floor: { what: 'bare forwarder', values: bare.map(of) } });
  return [
    row('TCP over the relay, end to end', 'Mbit/s', ({ mbits }) => mbits),
    row('TCP over the relay, by its own CPU', 'Mbit/s per core', ({ mbits, cores }) => mbits / cores),
    row('packets relayed', '/s per core', ({ packetsPerSecond, cores }) => packetsPerSecond / cores),
  ];
}

/** What a relay did while a connection ran. */
interface Load {
  readonly mbits: number;
  /** CPU that the relay used. */
  readonly cores: number;
  readonly packetsPerSecond: number;
}

async function measureLoad(lab: Lab, relay: LabProcess, run: () => Promise<number>): Promise<Load> {
  const before = { atMs: performance.now(), cpu: cpuSecondsOf(relay.pid), datagrams: await datagramsOf(lab) };
  const mbits = await run();
  const seconds = (performance.now() - before.atMs) / 1000;
  const cores = (cpuSecondsOf(relay.pid) - before.cpu) / seconds;
  return { mbits, cores, packetsPerSecond: ((await datagramsOf(lab)) - before.datagrams) / seconds };
}

/** UDP datagrams that programs on the relay's machine have received. @see proc(5) /proc/net/snmp, RFC 4113 udpInDatagrams */
async function datagramsOf(lab: Lab): Promise<number> {
  const { stdout } = await lab.exec('ctl', ['cat', '/proc/net/snmp']);
  return Number(/^Udp: (\d+)/m.exec(stdout)?.[1]);
}

/** From the first command on a machine that has no interface until a ping through it is answered. */
async function measureFirstPings({ lab, direct: { agents, hand, handAddress } }: Field): Promise<Measured[]> {
  const [first, second] = agents;
  const { machine } = second;
  const [values, floors] = await inTurns(FIRST_PINGS, [
    async () => {
      await second.stop();
      return firstPing(lab, machine, INTERFACE, first.bindIp, () => Promise.resolve(second.start()));
    },
    async () => {
      await hand.down(machine);
      return firstPing(lab, machine, HAND, handAddress, () => hand.up(machine));
    },
  ]);
  return [{ what: 'first ping of a node whose agent is started', unit: 'ms', values, floor: { what: 'by hand', values: floors } }];
}

async function firstPing(lab: Lab, machine: string, device: string, address: string, up: () => Promise<void>): Promise<number> {
  const startedMs = Date.now();
  const pings = TimedPings.start(lab, machine, device, address);
  await up();
  const answeredMs = await until(() => pings.firstAnswerMs(), 'the first ping', PING_MS);
  await pings.stop();
  return answeredMs - startedMs;
}

/** Ours and the floor in turns, each first in every other round: what changes slowly disturbs both alike. */
async function inTurns<T>(rounds: number, [ours, floor]: readonly [() => Promise<T>, () => Promise<T>]): Promise<[T[], T[]]> {
  const [values, floors]: [T[], T[]] = [[], []];
  for (let round = 0; round < rounds; round++) {
    if (round % 2 === 0) values.push(await ours());
    floors.push(await floor());
    if (round % 2 === 1) values.push(await ours());
  }
  return [values, floors];
}
