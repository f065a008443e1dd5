import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GetStatusRequest, ListNodesRequest } from '../src/gen/networkcontroller/v1/admin.js';
import { readServerConfig } from '../src/platform/config/server-config.js';
import { callUnary } from '../src/platform/rpc-client.js';
import { Snapshot } from '../src/server/store/snapshot.js';
import { SqliteView } from '../src/server/store/sqlite-view.js';
import { median, type Bench, type Measured } from './bench.js';
import { addNodes } from './million.js';
import { runBenchServer, serverSettings, type BenchServer } from './server.js';
import { prepareMembers } from './simulate/prepare.js';

/** Fewer show how it grows: `BENCH_NODES=100000 npm run bench -- coldstart`. */
const NODES = Number(process.env['BENCH_NODES'] ?? 1_000_000);
const STARTS = 3;
const CALLS = 20;
const PAGE = 500;
/** As many as a registration in a full network looks at for one to give way. */
const CANDIDATES = 64;
const MIB = 2 ** 20;

/** A controller that starts with everything it ever registered. */
export const bench: Bench = {
  title: `${NODES.toLocaleString('en')} registered nodes in one file: start, status, a page, whose address to reclaim, memory`,
  async run(progress): Promise<readonly Measured[]> {
    const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
    try {
      return await measure(folder, progress);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

async function measure(folder: string, progress: (line: string) => void): Promise<readonly Measured[]> {
  const settings = serverSettings(folder, { metrics: { listen: '127.0.0.1:0' } });
  const file = join(folder, 'work', 'db', 'nc.db');
  const start = async (): Promise<{ seconds: number; server: BenchServer }> => {
    const begun = performance.now();
    const server = await runBenchServer(folder, settings);
    return { seconds: (performance.now() - begun) / 1_000, server };
  };
  const bare = await times(STARTS, async () => {
    const { seconds, server } = await start();
    await server.stop();
    return seconds;
  });
  progress(`starts without nodes in ${median(bare).toFixed(1)} s`);
  await prepareMembers({ config: readServerConfig(join(folder, 'server.yml')), nodes: 1 });
  addNodes(file, NODES - 1, (done) => progress(`${done.toLocaleString('en')} nodes written`));
  dropFromMemory(file);
  const cold = await start();
  progress(`started cold in ${cold.seconds.toFixed(1)} s, ${Math.round(statSync(file).size / MIB)} MiB`);
  await cold.server.stop();
  const warm = await times(STARTS - 1, async () => {
    const { seconds, server } = await start();
    await server.stop();
    return seconds;
  });
  progress(`started warm in ${median(warm).toFixed(1)} s`);
  const { server } = await start();
  try {
    return [...starts({ bare, cold: cold.seconds, warm }), ...(await answers(server)), reclaim(file), memory(server)];
  } finally {
    await server.stop();
  }
}

function starts({ bare, cold, warm }: { bare: number[]; cold: number; warm: number[] }): Measured[] {
  const floor = (rounds: number) => ({ what: 's with an empty store', values: Array.from({ length: rounds }, () => median(bare)) });
  return [
    { what: 'start, its file on the disk alone', unit: 's', values: [cold], floor: floor(1), targets: [{ kind: 'at most', of: 'value', limit: 15 }] },
    { what: 'start, its file in memory', unit: 's', values: warm, floor: floor(warm.length), targets: [{ kind: 'at most', of: 'value', limit: 5 }] },
  ];
}

async function answers({ admin }: BenchServer): Promise<Measured[]> {
  const calls = async (call: () => Promise<unknown>): Promise<number[]> => {
    await call();
    return times(CALLS, () => timed(call));
  };
  const floor = { what: 'ms for a call that reads little', values: await calls(() => callUnary(admin, 'listApiTokens', {})) };
  const status = await calls(() => callUnary(admin, 'getStatus', GetStatusRequest.fromPartial({ summaryOnly: true })));
  const cas = await calls(() => callUnary(admin, 'getCaStatus', {}));
  let pageToken = '';
  const page = await calls(async () => {
    pageToken = (await callUnary(admin, 'listNodes', ListNodesRequest.fromPartial({ pageSize: PAGE, pageToken }))).nextPageToken;
  });
  return [
    { what: 'status, the summary', unit: 'ms', values: status, floor, targets: [{ kind: 'at most', of: 'value', limit: 300 }] },
    { what: 'status of the CAs', unit: 'ms', values: cas, floor },
    { what: `a page of ${PAGE} nodes`, unit: 'ms', values: page, floor, targets: [{ kind: 'at most', of: 'value', limit: 50 }] },
  ];
}

/** The question alone: what follows is a registration like every other. */
function reclaim(file: string): Measured {
  const snapshot = new Snapshot(file);
  const view = new SqliteView(snapshot);
  const ask = (): number => {
    const begun = performance.now();
    const found = view.idleLongest('default', CANDIDATES);
    if (found.length !== CANDIDATES) throw new Error(`want ${CANDIDATES} nodes that may give way, got ${found.length}`);
    return performance.now() - begun;
  };
  ask();
  const values = Array.from({ length: CALLS }, ask);
  snapshot.close();
  return { what: `the ${CANDIDATES} nodes idle longest`, unit: 'ms', values, targets: [{ kind: 'at most', of: 'value', limit: 2 }] };
}

function memory(server: BenchServer): Measured {
  return { what: 'memory of the server (RSS)', unit: 'MiB', values: [server.residentBytes() / MIB], targets: [{ kind: 'at most', of: 'value', limit: 1.2 * 1024 }] };
}

/** Has the kernel forget what it keeps of `file`, and of no other. @see dd(1) "nocache" */
function dropFromMemory(file: string): void {
  execFileSync('sync', [file]);
  execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

async function times(count: number, work: () => Promise<number>): Promise<number[]> {
  const values: number[] = [];
  while (values.length < count) values.push(await work());
  return values;
}
