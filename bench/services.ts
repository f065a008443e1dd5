import { setTimeout as sleep } from 'node:timers/promises';
import { ListServicesRequest, type AdminServiceClient } from '../src/gen/networkcontroller/v1/admin.js';
import { callUnary } from '../src/platform/rpc-client.js';
import type { Bench, Measured, Target } from './bench.js';
import type { BenchServer } from './server.js';
import { Fleets } from './simulate/fleets.js';
import { LEASE_MS } from './simulate/offered.js';
import { prepare } from './simulate/prepared.js';

/** Ten thousand services in three ways. */
interface Layout {
  readonly nodes: number;
  readonly each: number;
}

const LAYOUTS: readonly Layout[] = [
  { nodes: 200, each: 50 },
  { nodes: 1_000, each: 10 },
  { nodes: 10_000, each: 1 },
];
/** New connections a second: a ramp, not a storm. */
const PER_SECOND = 500;
/** Nobody renews for so long, and no lease ends within it. */
const REST_MS = 5_000;
const BUSY_MS = 10_000;
/** An odd number of rests in every ten seconds: what happens every ten seconds is in some of them. */
const ROUNDS = 3;
/** Until those who have just come have said all they say at first, and those whose lease ended while they came are back. */
const SETTLE_MS = 5_000;
const AT_MOST: Target = { kind: 'at most', of: 'value', limit: 20 };

/** What the leases of ten thousand services cost. */
export const bench: Bench = {
  title: `10,000 services with leases of ${LEASE_MS / 1000} s, renewed by their nodes' agents; they and the server share the machine`,
  async run(progress): Promise<readonly Measured[]> {
    const measured: Measured[] = [];
    const layouts = LAYOUTS.filter(({ nodes }) => (process.env['SERVICE_NODES'] ?? String(nodes)) === String(nodes));
    for (const layout of layouts) measured.push(...(await measureLayout(layout, progress)));
    return measured;
  },
};

async function measureLayout({ nodes, each }: Layout, progress: (line: string) => void): Promise<readonly Measured[]> {
  const prepared = await prepare(nodes, progress, {}, each);
  try {
    const server = await prepared.start();
    const fleets = await Fleets.make({ path: prepared.path, agents: nodes, endpoint: prepared.endpoint, servicesEach: each });
    try {
      return await measureFleet({ nodes, each }, server, fleets, progress);
    } finally {
      await fleets.stop();
      await server.stop();
    }
  } finally {
    prepared.remove();
  }
}

async function measureFleet({ nodes, each }: Layout, server: BenchServer, fleets: Fleets, progress: (line: string) => void): Promise<readonly Measured[]> {
  const of = `${nodes} nodes with ${each}`;
  await fleets.start({ perSecond: PER_SECOND });
  do await sleep(SETTLE_MS);
  while ((await withheld(server.admin)) > 0);
  progress(`${of} each: all are offered`);
  const [busy, idle]: number[][] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    await fleets.rest(true);
    idle!.push(await shareOf(server, REST_MS));
    await fleets.rest(false);
    busy!.push(await shareOf(server, BUSY_MS));
  }
  const lost = await withheld(server.admin);
  return [
    { what: `${of}: server, of a core`, unit: '%', values: busy!, targets: [AT_MOST] },
    { what: `${of}: of that for leases`, unit: '%', values: busy!.map((value, round) => value - idle![round]!), targets: [AT_MOST] },
    { what: `${of}: withheld meanwhile`, unit: 'services', values: [lost], targets: [{ kind: 'at most', of: 'value', limit: 0 }] },
  ];
}

/** @returns how much of one core the server takes for a while, percent. */
async function shareOf(server: BenchServer, ms: number): Promise<number> {
  const [startMs, before] = [performance.now(), server.cpuSeconds()];
  await sleep(ms);
  return ((server.cpuSeconds() - before) * 100_000) / (performance.now() - startMs);
}

async function withheld(admin: AdminServiceClient): Promise<number> {
  let count = 0;
  let pageToken = '';
  do {
    const page = await callUnary(admin, 'listServices', ListServicesRequest.fromPartial({ pageToken, pageSize: 1000 }));
    count += page.services.filter((service) => service.withheld !== '').length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return count;
}
