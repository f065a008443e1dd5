import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeviceUpkeep } from '../src/client/device-upkeep.js';
import { LazyPeers } from '../src/client/lazy/lazy-peers.js';
import { MapKeeper } from '../src/client/map-keeper.js';
import { MapNames } from '../src/client/map-names.js';
import { MapStore } from '../src/client/map-store.js';
import { startPaths } from '../src/client/paths.js';
import { NetworkTrust } from '../src/client/peer-trust.js';
import { StateFolder } from '../src/client/state/state-folder.js';
import { MapDelta, MapSnapshot } from '../src/gen/networkcontroller/v1/node.js';
import { TrustBundle } from '../src/gen/networkcontroller/v1/types.js';
import { systemClock, type Clock } from '../src/platform/clock.js';
import { silentLog } from '../src/platform/log.js';
import { formatWireGuardKey, generateWireGuardKeys } from '../src/platform/wireguard/keys.js';
import { LinuxDevice } from '../src/platform/wireguard/linux-device.js';
import { CLUSTER, NETWORK } from './known-peers.js';

/**
 * The agent of one node on an interface of its own, in a network namespace that its parent made: told of a network, and of one node more
 * after the other. Prints one line of JSON.
 */
export interface AppliedResult {
  /** ms: the map verified, and the interface as it says. */
  readonly verify: number;
  readonly first: number;
  /** ms for each node that joined: all of it, and of it the map with the certificate. */
  readonly delta: readonly number[];
  readonly map: readonly number[];
  /** ms of processor time of the agent for each, without that of the programs that it starts. */
  readonly cpu: readonly number[];
  /** ms for one `wg set` of one peer, right after each of these. */
  readonly wgSet: readonly number[];
  /** Peers on the interface. */
  readonly peers: number;
  /** Octets written for each node that joined. */
  readonly writtenBytes: number;
  /** MiB before the map, with it, and after all of it. */
  readonly memory: readonly [number, number, number];
}

const [, , folder = '', limit = '500'] = process.argv;
const MIB = 2 ** 20;
const GIVE_UP_MS = 100_000;
const DEVICE = 'ncbench0';

const state = StateFolder.open(join(folder, `state-${limit}`), silentLog);
const keys = generateWireGuardKeys();
const privateKey = formatWireGuardKey(keys.privateKey);
/** Without the time in which changes are gathered: it is the same for every agent. */
const hurried: Clock = { ...systemClock, now: () => systemClock.now(), every: (ms, task) => systemClock.every(ms, task), after: (_, task) => systemClock.after(0, task) };

await main();

async function main(): Promise<void> {
  mkdirSync('/run/wireguard', { recursive: true });
  const atFirst = resident();
  const trust = new NetworkTrust({ clusterId: CLUSTER, network: NETWORK, bundle: TrustBundle.decode(readFileSync(join(folder, 'bundle'))), log: silentLog, onBundle: () => {} });
  const maps = new MapStore({ nodeId: 'self', trust, clock: systemClock, log: silentLog });
  const keeper = new MapKeeper(state, systemClock, silentLog, () => maps.toSnapshot());
  const names = new MapNames();
  const device = new LinuxDevice({ interfaceName: DEVICE, folder: state.path, prefer: 'auto', clock: systemClock, log: silentLog });
  const paths = startPaths({ device, clock: systemClock, log: silentLog, self: { publicKey: formatWireGuardKey(keys.publicKey), candidates: () => [] }, send: () => Promise.resolve([]), remember: () => {} });
  const lazy = new LazyPeers({ privateKey, limit: Number(limit), idleMs: 300_000, awake: [], maps, device, clock: systemClock, log: silentLog, send: () => Promise.resolve([]), remember: () => {}, onChanged: () => {} });
  const self = { privateKey, publicKey: formatWireGuardKey(keys.publicKey), bindIp: '10.255.0.1', bindIp6: '', listenPort: 0, mtu: 1280 };
  const upkeep = new DeviceUpkeep({ self, maps, device, paths, lazy, clock: hurried, log: silentLog, exit: '', shape: () => Promise.resolve(), direct: () => ({}), onListening: () => {} });
  const snapshot = MapSnapshot.decode(readFileSync(join(folder, 'snapshot')));
  const verify = await timed(() => Promise.resolve(maps.applySnapshot(snapshot)));
  const first = await timed(() => applied(upkeep, maps));
  keeper.replaced();
  keeper.flush();
  const withMap = resident();
  const seen = { delta: [] as number[], map: [] as number[], cpu: [] as number[], wgSet: [] as number[] };
  const deltas = readFileSync(join(folder, 'deltas'), 'utf8').trim().split('\n').map((line) => MapDelta.decode(Buffer.from(line, 'base64')));
  for (const delta of deltas) {
    const [begun, cpu] = [performance.now(), process.cpuUsage()];
    maps.applyDelta(delta);
    names.show(maps.current()!, delta);
    names.resolve({ name: 'machine-7', type: 'A' });
    keeper.changed(delta);
    seen.map.push(performance.now() - begun);
    await applied(upkeep, maps);
    seen.delta.push(performance.now() - begun);
    const { user, system } = process.cpuUsage(cpu);
    seen.cpu.push((user + system) / 1000);
    const stranger = randomBytes(32).toString('base64');
    seen.wgSet.push(await timed(() => Promise.resolve(execFileSync('wg', ['set', DEVICE, 'peer', stranger, 'allowed-ips', '11.0.0.1/32']))));
    execFileSync('wg', ['set', DEVICE, 'peer', stranger, 'remove']);
  }
  const peers = (await device.observe())?.peers.size ?? 0;
  const result: AppliedResult = { verify, first, ...seen, peers, writtenBytes: state.mapJournal.bytes / deltas.length, memory: [atFirst, withMap, resident()] };
  // The interface and its process end with their namespaces.
  process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
}

async function applied(upkeep: DeviceUpkeep, maps: MapStore): Promise<void> {
  upkeep.request();
  const giveUpMs = performance.now() + GIVE_UP_MS;
  // wireguard-go with thousands of peers may take longer than a call may; the agent goes on from where that came to.
  while (upkeep.appliedRevision !== maps.position().revision) {
    if (performance.now() > giveUpMs) throw new Error(upkeep.error);
    // Not again and again: what is used of the processor is measured.
    await sleep(1);
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function resident(): number {
  globalThis.gc?.();
  return process.memoryUsage().rss / MIB;
}
