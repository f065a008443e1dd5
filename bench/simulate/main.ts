import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { BenchServer } from '../server.js';
import { changeNode, latenciesOf } from './changes.js';
import { CHURNS, runChurn, type Churn } from './churn.js';
import { Fleets } from './fleets.js';
import { formatHistogram } from './histogram.js';
import { readMembers } from './member.js';
import { prepare } from './prepared.js';

/**
 * `npm run simulate -- --agents N [--churn join,leave,roam,flap,storm] [--seconds N] [--stalled N] [--per-second N]`: a server on loopback and so
 * many agents of nc-client without a device. Tells how long each change takes until it is in every agent's map.
 */
const CHANGE_EVERY_MS = 1_000;

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      agents: { type: 'string', default: '1000' },
      churn: { type: 'string', default: '' },
      seconds: { type: 'string', default: '20' },
      stalled: { type: 'string', default: '0' },
      'per-second': { type: 'string', default: '300' },
    },
  });
  const [agents, seconds, stalled, perSecond] = [values.agents, values.seconds, values.stalled, values['per-second']].map(Number) as [number, number, number, number];
  const churn = values.churn.split(',').filter((word) => word !== '') as Churn[];
  const unknown = churn.filter((kind) => !CHURNS.includes(kind));
  if (unknown.length > 0 || [agents, seconds, stalled, perSecond].some((value) => !Number.isInteger(value) || value < 0)) {
    console.error(`simulate: want whole numbers, and --churn with some of ${CHURNS.join(', ')}`);
    return 2;
  }
  await simulate({ agents, seconds, stalled, perSecond, churn });
  return 0;
}

interface Wanted {
  readonly agents: number;
  readonly seconds: number;
  readonly stalled: number;
  readonly perSecond: number;
  readonly churn: readonly Churn[];
}

async function simulate({ agents, seconds, stalled, perSecond, churn }: Wanted): Promise<void> {
  const prepared = await prepare(agents, tell);
  const server = await prepared.start();
  const fleets = await Fleets.make({ path: prepared.path, agents, endpoint: prepared.endpoint, stalled });
  try {
    const begun = performance.now();
    await fleets.start({ perSecond });
    tell(`${agents} agents connected after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    const end = AbortSignal.timeout(seconds * 1000);
    const [, latencies] = await Promise.all([
      runChurn(churn, { fleets, agents, joinString: await server.joinString() }, end),
      changes(server, fleets, readMembers(prepared.path, 0, 1).members[0]!.facts.nodeId, end),
    ]);
    process.stdout.write(formatHistogram('change in an agent’s map after', latencies));
    console.table({ ...(await fleets.status()), 'server MiB': Math.round(server.residentBytes() / 1_048_576), 'server CPU s': server.cpuSeconds() });
  } finally {
    await fleets.stop();
    await server.stop();
    prepared.remove();
  }
}

async function changes(server: BenchServer, fleets: Fleets, node: string, end: AbortSignal): Promise<number[]> {
  const latencies: number[] = [];
  while (await sleep(CHANGE_EVERY_MS, true, { signal: end }).catch(() => false)) {
    const { connected } = await fleets.status();
    latencies.push(...(await latenciesOf(fleets, await changeNode(server.admin, node), connected, 2_000)));
  }
  return latencies;
}

function tell(line: string): void {
  console.error(`simulate: ${line}`);
}
