import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { MapDelta, MapSnapshot } from '../src/gen/networkcontroller/v1/node.js';
import { TrustBundle } from '../src/gen/networkcontroller/v1/types.js';
import { profiling } from './server.js';
import type { AppliedResult } from './apply-agent.js';
import type { Bench, Measured } from './bench.js';
import { networkOf } from './known-peers.js';

/** Fewer show how it grows: `BENCH_PEERS=1000 npm run bench -- apply`. */
const PEERS = Number(process.env['BENCH_PEERS'] ?? 10_000);
const ROUNDS = 31;
const WARM_UP = 10;
/** As client.yml has it. */
const LIMIT = 500;

/** What one change costs an agent that knows ten thousand peers, with WireGuard. */
export const bench: Bench = {
  title: `a node joins, at an agent that knows ${PEERS} peers: verified, planned, written down, and told to WireGuard`,
  async run(progress): Promise<readonly Measured[]> {
    const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
    try {
      const { snapshot, bundle, newcomers } = networkOf(PEERS, WARM_UP + ROUNDS);
      progress(`${PEERS} certificates issued`);
      writeFileSync(join(folder, 'snapshot'), MapSnapshot.encode(snapshot).finish());
      writeFileSync(join(folder, 'bundle'), TrustBundle.encode(bundle).finish());
      const deltas = newcomers.map((value, n) => MapDelta.encode({ revision: BigInt(n + 2), changes: [{ change: { $case: 'peer', value } }] }).finish());
      writeFileSync(join(folder, 'deltas'), deltas.map((delta) => Buffer.from(delta).toString('base64')).join('\n'));
      const lazy = await agentOf(folder, LIMIT);
      progress(`with at most ${LIMIT} configured: first in ${lazy.first.toFixed(0)} ms`);
      const all = await agentOf(folder, 2 * PEERS);
      progress(`with all configured: first in ${all.first.toFixed(0)} ms`);
      return [...rows(`${LIMIT} peers at most`, lazy), ...rows('all configured', all)];
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function rows(how: string, { verify, first, delta, map, cpu, wgSet, peers, writtenBytes, memory }: AppliedResult): Measured[] {
  const warm = (values: readonly number[]): readonly number[] => values.slice(WARM_UP);
  return [
    { what: `one node more, ${how}`, unit: 'ms', values: warm(delta), floor: { what: 'ms, one wg set of a peer', values: warm(wgSet) }, targets: [{ kind: 'at most', of: 'value', limit: 10 }] },
    { what: 'processor of the agent for it', unit: 'ms', values: warm(cpu) },
    { what: 'of it: the map, its certificate, the journal', unit: 'ms', values: warm(map) },
    { what: 'octets written to disk for it', unit: 'B', values: [writtenBytes] },
    { what: 'the first map: verified', unit: 'ms', values: [verify] },
    { what: 'the first map: on the interface', unit: 'ms', values: [first] },
    { what: 'peers on the interface', unit: '', values: [peers] },
    { what: 'memory of the agent (RSS)', unit: 'MiB', values: [memory[2]] },
    { what: 'of it: before the map', unit: 'MiB', values: [memory[0]] },
  ];
}

/** Runs an agent in namespaces of its own, which end with it. */
async function agentOf(folder: string, limit: number): Promise<AppliedResult> {
  const command = `ip link set lo up && mount -t tmpfs none /run && exec "$0" --expose-gc ${profiling().join(' ')} --import tsx bench/apply-agent.ts "$@"`;
  const { stdout } = await promisify(execFile)('unshare', ['--net', '--mount', '--kill-child', '--pid', '--fork', '--mount-proc', 'sh', '-c', command, process.execPath, folder, String(limit)], { maxBuffer: 2 ** 24 });
  return JSON.parse(stdout.trim().split('\n').at(-1)!) as AppliedResult;
}
