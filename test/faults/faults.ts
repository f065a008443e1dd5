import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../support/until.js';
import type { SeededRandom } from './random.js';
import type { World } from './world.js';

/** Breaks something and mends it again. */
type Fault = (world: World, random: SeededRandom) => Promise<void>;

/** Everything that may go wrong, by what a reader of the schedule wants to know. */
export const FAULTS = {
  'etcd: leader killed': (world, random) => etcd(world, random, 'leader', 'SIGKILL'),
  'etcd: follower killed': (world, random) => etcd(world, random, 'follower', 'SIGKILL'),
  'etcd: leader stopped in order': (world, random) => etcd(world, random, 'leader', 'SIGTERM'),
  'etcd: leader paused': (world, random) => etcd(world, random, 'leader', 'SIGSTOP'),
  'etcd: majority killed': majorityKilled,
  'server killed': (world, random) => server(world, random, 'SIGKILL'),
  'server stopped in order': (world, random) => server(world, random, 'SIGTERM'),
  'server paused': serverPaused,
  'replies lost': repliesLost,
  'connections cut': connectionsCut,
} as const satisfies Record<string, Fault>;

/** One of {@link FAULTS}. */
export type FaultName = keyof typeof FAULTS;

/** What goes wrong, and when, ms after the fault before is over. */
export type Schedule = readonly { readonly afterMs: number; readonly fault: FaultName }[];

const FAULTS_A_SEED = 2;

/** The schedule of a seed. Every fault is in any ten that follow each other. */
export function scheduleOf(seed: number, random: SeededRandom): Schedule {
  const names = Object.keys(FAULTS) as FaultName[];
  const first = names[((seed % names.length) + names.length) % names.length]!;
  return [first, ...Array.from({ length: FAULTS_A_SEED - 1 }, () => random.pick(names))].map((fault) => ({ afterMs: random.between(200, 800), fault }));
}

async function etcd({ cluster }: World, random: SeededRandom, which: 'leader' | 'follower', signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP'): Promise<void> {
  const leader = await until(() => cluster.leader().then((index) => index !== undefined && { index }), 'etcd to have a leader', 60_000);
  const member = which === 'leader' ? leader.index : (leader.index + random.between(1, 2)) % 3;
  await cluster.signal(member, signal);
  await sleep(random.between(500, 2_500));
  if (signal !== 'SIGSTOP') return cluster.restart(member);
  await cluster.signal(member, 'SIGCONT');
  await cluster.healthy();
}

async function majorityKilled({ cluster }: World, random: SeededRandom): Promise<void> {
  const spared = random.below(3);
  const gone = [0, 1, 2].filter((i) => i !== spared);
  await Promise.all(gone.map((i) => cluster.signal(i, 'SIGKILL')));
  await sleep(random.between(300, 1_500));
  await Promise.all(gone.map((i) => cluster.restart(i)));
}

async function server({ replicas }: World, random: SeededRandom, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
  const replica = random.pick(replicas);
  await replica.kill(signal);
  await sleep(random.between(0, 1_000));
  await replica.start();
}

async function serverPaused({ replicas }: World, random: SeededRandom): Promise<void> {
  const replica = random.pick(replicas);
  replica.pause('SIGSTOP');
  await sleep(random.between(500, 3_000));
  replica.pause('SIGCONT');
}

async function repliesLost({ proxies }: World, random: SeededRandom): Promise<void> {
  const ends = (random.below(2) === 0 ? proxies : [random.pick(proxies)]).map((proxy) => proxy.loseReplies());
  await sleep(random.between(50, 1_500));
  for (const end of ends) end();
}

async function connectionsCut({ proxies }: World, random: SeededRandom): Promise<void> {
  for (let i = random.between(2, 8); i > 0; i--) {
    random.pick(proxies).cut();
    await sleep(random.between(20, 300));
  }
}
