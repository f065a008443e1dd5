import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlSession } from '../src/client/control-session.js';
import { joinNode } from '../src/client/join.js';
import { openSession } from '../src/client/node-session.js';
import { StateFolder } from '../src/client/state/state-folder.js';
import { ListServicesRequest, type AdminServiceClient } from '../src/gen/networkcontroller/v1/admin.js';
import type { ServiceState } from '../src/gen/networkcontroller/v1/node.js';
import { Service } from '../src/gen/networkcontroller/v1/types.js';
import { parseClientConfig } from '../src/platform/config/client-config.js';
import { silentLog } from '../src/platform/log.js';
import { callUnary } from '../src/platform/rpc-client.js';
import type { Bench, Measured } from './bench.js';
import { startBenchServer, type BenchServer } from './server.js';

const NODES = 200;
const SERVICES_A_NODE = 50;
/** Nodes that join at the same time. */
const JOINING = 8;
const LEASE_SECONDS = 10;
/** As agents do: a lease survives two renewals that get lost. */
const RENEW_EVERY_MS = (LEASE_SECONDS * 1000) / 3;
const SECONDS = 30;
/** No lease ends within it. */
const IDLE_MS = 3_000;

/** A node with the services that it renews. */
interface BenchNode {
  readonly session: ControlSession;
  readonly states: readonly ServiceState[];
}

/** What the leases of ten thousand services cost. */
export const bench: Bench = {
  title: `${NODES} nodes with ${SERVICES_A_NODE} services each, leases of ${LEASE_SECONDS} s, renewed by their nodes; client and server share the machine`,
  async run(progress): Promise<readonly Measured[]> {
    const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
    const server = await startBenchServer();
    try {
      const nodes = await joinNodes(folder, await server.joinString());
      progress('all are registered');
      const idle = await shareOf(server, () => sleep(IDLE_MS));
      const busy = await shareOf(server, () => renewAll(nodes));
      const lost = await withheld(server.admin);
      for (const { session } of nodes) session.close();
      return [
        { what: 'server with renewals, of a core', unit: '%', values: [busy], targets: [{ kind: 'at most', of: 'value', limit: 20 }] },
        { what: 'server without renewals, of a core', unit: '%', values: [idle] },
        { what: `withheld after ${SECONDS} s`, unit: 'services', values: [lost], targets: [{ kind: 'at most', of: 'value', limit: 0 }] },
      ];
    } finally {
      await server.stop();
      rmSync(folder, { recursive: true });
    }
  },
};

async function joinNodes(folder: string, text: string): Promise<BenchNode[]> {
  const nodes: BenchNode[] = [];
  let left = NODES;
  const worker = async (): Promise<void> => {
    while (left > 0) nodes.push(await joinOne(folder, text, --left));
  };
  const filling = Promise.all(Array.from({ length: JOINING }, worker));
  // The first ones would run out before the last ones are there.
  const keeping = setInterval(() => void Promise.all(nodes.map(({ session, states }) => session.renewServices(states))), RENEW_EVERY_MS);
  await filling.finally(() => clearInterval(keeping));
  return nodes;
}

async function joinOne(folder: string, text: string, i: number): Promise<BenchNode> {
  const stateDir = join(folder, `node-${i}`);
  const config = parseClientConfig(JSON.stringify({ client: { stateDir, device: 'recorded', name: `node-${i}` } }), 'bench.yml');
  const facts = await joinNode(config, text);
  const session = openSession(facts.controlEndpoints[0]!, StateFolder.open(stateDir, silentLog).membership()!);
  const ids = Array.from({ length: SERVICES_A_NODE }, (_, n) => `s${n}-node-${i}`);
  await Promise.all(ids.map((id, n) => session.register(Service.fromPartial({ id, name: `service-${n}`, port: 1000 + n, leaseSeconds: LEASE_SECONDS }))));
  return { session, states: ids.map((id) => ({ id, health: '', healthReason: '' })) };
}

/** Every node renews all of its services in one call, each at its own moment. */
async function renewAll(nodes: readonly BenchNode[]): Promise<void> {
  const endMs = performance.now() + SECONDS * 1000;
  await Promise.all(
    nodes.map(async ({ session, states }) => {
      for (await sleep(Math.random() * RENEW_EVERY_MS); performance.now() < endMs; await sleep(RENEW_EVERY_MS)) await session.renewServices(states);
    }),
  );
}

/** @returns how much of one core the server took meanwhile, percent. */
async function shareOf(server: BenchServer, work: () => Promise<unknown>): Promise<number> {
  const [startMs, before] = [performance.now(), server.cpuSeconds()];
  await work();
  return ((server.cpuSeconds() - before) * 100_000) / (performance.now() - startMs);
}

async function withheld(admin: AdminServiceClient): Promise<number> {
  let [count, pageToken] = [0, ''];
  do {
    const page = await callUnary(admin, 'listServices', ListServicesRequest.fromPartial({ pageToken, pageSize: 1000 }));
    count += page.services.filter((service) => service.withheld !== '').length;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return count;
}
