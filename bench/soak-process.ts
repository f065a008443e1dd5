import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseServerConfig } from '../src/platform/config/server-config.js';
import { silentLog } from '../src/platform/log.js';
import { makeMemberKeys, openMemberKeys } from '../src/platform/member-keys.js';
import { wireGuardPublicKey } from '../src/platform/wireguard/keys.js';
import type { Caller } from '../src/server/auth/caller.js';
import { Sweeper } from '../src/server/jobs/sweeper.js';
import { openServerState, type ServerState } from '../src/server/server-state.js';
import { HighWaterClock } from '../src/server/services/high-water-clock.js';
import { useCases, type UseCases } from '../src/server/use-cases.js';
import { ManualClock } from '../test/support/clock.js';
import type { SoakHour } from './soak.js';

/** The server's use cases, store and feed with churn, without listeners: certificates of another day would be let in by no TLS. */
const NODES = 200;
const MINUTE_MS = 60_000;
const IDLE_MS = 30 * MINUTE_MS;
/** Each minute. */
const RENEWALS = 2;
const FLAPS = 5;
/** One in so many agents reads only once a minute. */
const SLOW = 10;
const CALLER: Caller = { kind: 'local', address: 'soak' };
const TOKEN = { network: 'default', lifetimeMs: 365 * 24 * 60 * MINUTE_MS, maxUses: 0, label: 'soak', nodeName: '', bindIp: '', labels: [], ephemeral: false, fromCidrs: [] };
/** All that ends by itself does so within a few hours. */
const SETTINGS = { networkAddr: '10.0.0.0/8', events: { keep: '1h' }, certificates: { grpc: '2h', network: '3h' } };

interface Member {
  readonly nodeId: string;
  close(): void;
  /** Reads what has waited. */
  drain(): void;
}

const [folder = '', hours = '1'] = process.argv.slice(2);
const clock = new ManualClock(Date.now());
const config = parseServerConfig(JSON.stringify({ server: { ...SETTINGS, workDir: folder } }), join(folder, 'server.yml'));
const state = await openServerState(config, { clock, log: silentLog });
const lasting = new HighWaterClock(clock, state.repository);
const endpoints = () => ({ control: [], bootstrap: [], wireguard: [], probe: [], https: [], dns: [] });
const cases = useCases(state, config, { clock: lasting, wall: clock, log: silentLog, version: 'soak', wgPublicKey: wireGuardPublicKey(state.wgPrivateKey), endpoints });
const { sweepIntervalMs: intervalMs, keepSpentMs } = config.tokens;
const sweeper = new Sweeper({ ...cases, repository: state.repository, clock: lasting, timer: clock, log: silentLog, intervalMs, keepSpentMs, ephemeralIdleMs: IDLE_MS });
const { record, secret } = await cases.tokens.create(TOKEN, CALLER);
const members: Member[] = [];
let joined = 0;

while (members.length < NODES) members.push(await joinOne(cases, state));
for (let hour = 1; hour <= Number(hours); hour++) {
  const before = state.repository.view.rev;
  for (let minute = 0; minute < 60; minute++) await liveAMinute(minute);
  process.send?.(lookAt(hour, before));
}
await sweeper.stop();
await state.close();
process.disconnect?.();
process.exit();

async function liveAMinute(minute: number): Promise<void> {
  const leaving = members.shift()!;
  await cases.nodes.remove(leaving.nodeId, 'default', 'UnregisterNode', CALLER);
  members.push(await joinOne(cases, state));
  await cases.nodes.rename(some().nodeId, 'default', `renamed-${clock.now()}`, CALLER);
  for (let n = 0; n < RENEWALS; n++) await renew(members[Math.floor((members.length * (n + 1)) / (RENEWALS + 1))]!.nodeId);
  for (let n = 0; n < FLAPS; n++) flap();
  for (const member of members) member.drain();
  clock.advance(MINUTE_MS);
  await cases.presence.flush();
  if (minute % 10 === 0) await state.forgetHistory(config.events);
  await new Promise(setImmediate);
}

async function joinOne({ registrations }: UseCases, { repository }: ServerState): Promise<Member> {
  const { grpc, network, wgPublicKey } = openMemberKeys(makeMemberKeys(), 'node');
  const request = { bootstrapToken: `${record.id}.${secret}`, nodeName: `node-${joined++}`, hostname: '', grpcSpki: grpc.spki, networkSpki: network.spki, wgPublicKey };
  const { node } = await registrations.register(request, CALLER);
  return connect(node.id, joined % SLOW === 0, { epoch: '', revision: repository.view.rev });
}

async function renew(nodeId: string): Promise<void> {
  const { grpc, network } = openMemberKeys(makeMemberKeys(), 'node');
  await cases.renewals.renew(nodeId, { grpcSpki: grpc.spki, networkSpki: network.spki }, CALLER);
}

/** Loses its connection and comes back to where it was. */
function flap(): void {
  const at = Math.floor(Math.random() * members.length);
  const { nodeId, close } = members[at]!;
  close();
  members[at] = connect(nodeId, at % SLOW === 0, { epoch: cases.facts.epoch, revision: state.repository.view.rev });
  cases.presence.tunnelSeen(nodeId);
}

function connect(nodeId: string, isSlow: boolean, from: { epoch: string; revision: bigint }): Member {
  let onDrain = (): void => {};
  const sink = { write: () => !isSlow, onDrain: (listener: () => void) => void (onDrain = listener), fail: () => close() };
  const leave = cases.feed.open(nodeId, sink, from);
  cases.presence.streamOpened(nodeId, 'default', 'soak');
  let isOpen = true;
  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    leave();
    cases.presence.streamClosed(nodeId);
  };
  return { nodeId, close, drain: () => onDrain() };
}

function some(): Member {
  return members[Math.floor(Math.random() * members.length)]!;
}

function lookAt(hour: number, before: bigint): SoakHour {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const { view } = state.repository;
  return { hour, residentBytes: rss, usedBytes: heapUsed + external, fileBytes: bytesIn(folder), keptRevisions: Number(view.rev - oldest(view.rev)), madeRevisions: Number(view.rev - before) };
}

/** The first revision that the event log still has, by halving. */
function oldest(rev: bigint): bigint {
  let [low, high] = [0n, rev];
  while (low < high) {
    const middle = (low + high) / 2n;
    if (state.repository.view.revisionsFrom(middle, 1) === undefined) low = middle + 1n;
    else high = middle;
  }
  return low;
}

function bytesIn(path: string): number {
  const files = readdirSync(path, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
