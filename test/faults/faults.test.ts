import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CreateTokenRequest } from '../../src/gen/networkcontroller/v1/admin.js';
import { BootstrapServiceClient } from '../../src/gen/networkcontroller/v1/bootstrap.js';
import { callUnary, connect } from '../../src/platform/rpc-client.js';
import { prefixOf } from '../../src/server/store/keys.js';
import { noEtcd } from '../support/etcd.js';
import { until } from '../support/until.js';
import { Agent } from './agent.js';
import { violations } from './checker.js';
import { Client } from './clients.js';
import { FAULTS, scheduleOf, type Schedule } from './faults.js';
import type { Call, LeaderWrite } from './history.js';
import { Job } from './job.js';
import { Machine } from './machine.js';
import { SeededRandom } from './random.js';
import { World } from './world.js';

/** NC_FAULT_SEEDS: some of them, "7", "3,9" or "1-100". */
const SEEDS = seedsOf(process.env['NC_FAULT_SEEDS'] ?? '1-10');
const CLIENTS = 4;
const AGENTS = 6;

describe.skipIf(noEtcd)(`three servers on three members of etcd${noEtcd ? ` (${noEtcd})` : ''}`, () => {
  let world: World;
  const agents: Agent[] = [];
  const calls: Call[] = [];
  const leaderWrites: LeaderWrite[] = [];

  beforeAll(async () => {
    world = await World.start();
    for (let i = 0; i < AGENTS; i++) agents.push(await anAgent(world, i));
  }, 180_000);
  afterAll(async () => {
    await Promise.all(agents.map((agent) => agent.stop()));
    await world?.stop();
  });

  it.each(SEEDS)('keep every promise while things go wrong as seed %i has it', { timeout: 300_000 }, async (seed) => {
    const random = new SeededRandom(seed);
    const schedule = scheduleOf(seed, random);
    console.info(`seed ${seed}: ${schedule.map(({ fault }) => fault).join(', then ')}`);

    const seen = await lived(world, seed, () => carryOut(world, schedule, random));
    calls.push(...seen.calls);
    leaderWrites.push(...seen.leaderWrites);

    const logs = await world.logs();
    const last = [...logs.values()].flat().filter(({ events }) => events.some(({ key }) => key.startsWith(prefixOf('node')))).reduce((rev, each) => (each.rev > rev ? each.rev : rev), 0n);
    await until(() => agents.every(({ at }) => at >= last), `all agents to hear of revision ${last}`, 60_000);
    expect(violations({ calls, logs, streams: agents.map(({ stream }) => stream), leaderWrites })).toEqual([]);
    const resets = agents.flatMap(({ told }) => told.filter(({ kind }) => kind === 'reset'));
    console.info(`seed ${seed}: ${summary(seen.calls)}; ${seen.leaderWrites.length} writes of leaders; ${resets.length} resets so far`);
    expect(seen.calls.filter(({ ending }) => ending.outcome === 'ok').length).toBeGreaterThan(0);
  });
});

/** Lets clients and jobs do what they do while `faults` happen, and a moment longer. */
async function lived(world: World, seed: number, faults: () => Promise<void>): Promise<{ calls: Call[]; leaderWrites: LeaderWrite[] }> {
  const jobs = await Promise.all([0, 1, 2].map((i) => Job.start(world, i)));
  const clients = Array.from({ length: CLIENTS }, (_, i) => new Client(world, seed * CLIENTS + i, `s${seed}-c${i}`));
  const end = new AbortController();
  const running = clients.map((client) => client.run(end.signal));
  try {
    await faults();
    await sleep(300);
  } finally {
    end.abort();
    await Promise.all(running);
    await Promise.all(jobs.map((job) => job.stop()));
  }
  return { calls: clients.flatMap((client) => client.calls), leaderWrites: jobs.flatMap(({ writes }) => writes) };
}

async function carryOut(world: World, schedule: Schedule, random: SeededRandom): Promise<void> {
  for (const { afterMs, fault } of schedule) {
    await sleep(afterMs);
    await FAULTS[fault](world, random);
  }
}

async function anAgent(world: World, index: number): Promise<Agent> {
  const bootstrap = connect(BootstrapServiceClient, { address: `127.0.0.1:${world.replicas[0]!.ports.bootstrap}`, tls: world.tls });
  try {
    const { join } = await callUnary(world.admins[0]!, 'createToken', CreateTokenRequest.fromPartial({}));
    const agent = new Agent(world, await new Machine().register(bootstrap, join, 10_000), index);
    await until(() => agent.at > 0n, 'the agent to have a map');
    return agent;
  } finally {
    bootstrap.close();
  }
}

function summary(calls: readonly Call[]): string {
  const of = (outcome: string): number => calls.filter(({ ending }) => ending.outcome === outcome).length;
  return `${calls.length} calls, of them ${of('ok')} carried out, ${of('refused')} refused, ${of('unknown')} in doubt`;
}

function seedsOf(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [from = 0, to = from] = part.split('-').map(Number);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
