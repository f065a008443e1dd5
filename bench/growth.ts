import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseJoinString, type JoinString } from '../src/domain/join-string.js';
import { GetStatusRequest, ListNodesRequest } from '../src/gen/networkcontroller/v1/admin.js';
import type { BootstrapServiceClient } from '../src/gen/networkcontroller/v1/bootstrap.js';
import { readServerConfig } from '../src/platform/config/server-config.js';
import { callUnary } from '../src/platform/rpc-client.js';
import { median, runAll, type Bench, type Measured } from './bench.js';
import { contact, makeMachine, registration } from './joining.js';
import { addNodes } from './million.js';
import { runBenchServer, serverSettings, type BenchServer } from './server.js';
import { prepareMembers } from './simulate/prepare.js';

/** Nodes that are there; what the first costs is the floor of the others. */
const SIZES = [100, 1_000, 10_000] as const;
const ROUNDS = 7;
const NODES_A_ROUND = 50;
const CALLS_A_ROUND = 15;
const PAGE = 100;
const LOAD = { inFlight: 16, limitMs: 3_000 };

/** What one more node costs, and what looking at them costs, the more there are. */
export const bench: Bench = {
  title: `what a registration, the status and a page of ${PAGE} nodes cost at ${SIZES.join(', ')} nodes, beside what they cost at ${SIZES[0]}`,
  async run(progress): Promise<readonly Measured[]> {
    const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
    const sites: Site[] = [];
    try {
      for (const size of SIZES) sites.push(await openSite(join(folder, String(size)), size));
      for (const site of sites) await measure(site);
      for (let round = 1; round <= ROUNDS; round++) {
        for (const site of sites) for (const [what, value] of Object.entries(await measure(site))) (site.seen[what] ??= []).push(value);
        progress(`round ${round} of ${ROUNDS}`);
      }
      return results(sites);
    } finally {
      for (const site of sites) await site.close();
      rmSync(folder, { recursive: true });
    }
  },
};

/** A server with so many nodes. All run at the same time and take turns, so that what disturbs one round disturbs all of them. */
interface Site {
  readonly size: number;
  readonly server: BenchServer;
  readonly join: JoinString;
  readonly client: BootstrapServiceClient;
  /** By what was measured, one of each round. */
  readonly seen: Record<string, number[]>;
  close(): Promise<void>;
}

async function openSite(folder: string, size: number): Promise<Site> {
  mkdirSync(folder);
  const settings = serverSettings(folder, { metrics: { listen: '' } });
  await (await runBenchServer(folder, settings)).stop();
  await prepareMembers({ config: readServerConfig(join(folder, 'server.yml')), nodes: 1 });
  addNodes(join(folder, 'work', 'db', 'nc.db'), size - 1, () => {});
  const server = await runBenchServer(folder, settings);
  const text = parseJoinString(await server.joinString());
  const { client } = await contact(text);
  return { size, server, join: text, client, seen: {}, close: async () => (client.close(), await server.stop()) };
}

async function measure({ server, client, join: text }: Site): Promise<Record<string, number>> {
  const machines = Array.from({ length: NODES_A_ROUND }, makeMachine);
  const offer = await callUnary(client, 'beginRegister', {});
  const requests = machines.map((machine) => registration(machine, text, offer));
  const before = server.cpuSeconds();
  const registered = await runAll(requests, LOAD, (request) => callUnary(client, 'register', request));
  const cpuMs = ((server.cpuSeconds() - before) * 1_000) / registered.latencies.length;
  const one = { ...LOAD, inFlight: 1 };
  const calls = Array.from({ length: CALLS_A_ROUND });
  const status = await runAll(calls, one, () => callUnary(server.admin, 'getStatus', GetStatusRequest.fromPartial({ summaryOnly: true })));
  const page = await runAll(calls, one, () => callUnary(server.admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: PAGE })));
  return { 'a registration': median(registered.latencies), 'CPU of the server for it': cpuMs, 'status, the summary': median(status.latencies), [`a page of ${PAGE} nodes`]: median(page.latencies) };
}

function results([first, ...others]: readonly Site[]): Measured[] {
  return Object.entries(first!.seen).flatMap(([what, floor]) =>
    others.map(({ size, seen }) => ({
      what: `${what}, at ${size.toLocaleString('en')} nodes`,
      unit: 'ms',
      values: seen[what]!,
      floor: { what: `ms at ${first!.size}`, values: floor },
      targets: [{ kind: 'at most', of: 'ratio', limit: 1.25 }] as const,
    })),
  );
}
