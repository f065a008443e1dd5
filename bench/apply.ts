import { mkdtempSync, rmSync } from 'node:fs';
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MapNames } from '../src/client/map-names.js';
import { MapStore } from '../src/client/map-store.js';
import { NetworkTrust } from '../src/client/peer-trust.js';
import { planDevice, type PlanSelf } from '../src/client/plan.js';
import type { Membership } from '../src/client/state/membership.js';
import { MapSnapshot, type MapDelta } from '../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig, Peer } from '../src/gen/networkcontroller/v1/types.js';
import { systemClock } from '../src/platform/clock.js';
import { parseServerConfig } from '../src/platform/config/server-config.js';
import { silentLog } from '../src/platform/log.js';
import { peerDiff } from '../src/platform/wireguard/peer-diff.js';
import { RecordedDevice } from '../src/platform/wireguard/recorded-device.js';
import { parseWireGuardKey, wireGuardPublicKey } from '../src/platform/wireguard/keys.js';
import type { Bench, Measured } from './bench.js';
import { serverSettings } from './server.js';
import type { Members } from './simulate/member.js';
import { prepareMembers } from './simulate/prepare.js';

const PEERS = 10_000;
const ROUNDS = 31;
const WARM_UP = 10;
/** This node, its peers, and those who join. */
const NODES = 1 + PEERS + WARM_UP + ROUNDS;
/** As many octets as a certificate has to be checked. */
const CONTENTS = Buffer.alloc(380, 7);

/** What one change costs an agent that knows ten thousand peers. */
export const bench: Bench = {
  title: `a node joins, at an agent with ${PEERS} peers: verified, planned, and compared with what the interface has; without running wg(8)`,
  async run(progress): Promise<readonly Measured[]> {
    const { members, position } = await makeMembers(progress);
    const [own, ...others] = members as [Membership, ...Membership[]];
    const [peers, newcomers] = [others.slice(0, PEERS).map(peerOf), others.slice(PEERS).map(peerOf)];
    const trust = new NetworkTrust({ clusterId: own.facts.clusterId, network: own.facts.network, bundle: own.bundle, log: silentLog, onBundle: () => {} });
    const maps = new MapStore({ nodeId: own.facts.nodeId, trust, clock: systemClock, log: silentLog });
    maps.applySnapshot(MapSnapshot.fromPartial({ ...position, network: NETWORK, peers, last: true }));
    const agent = new ChangedAgent(own, maps);
    await agent.take(undefined);
    progress('the first map is in force');
    const seen = { map: [] as number[], plan: [] as number[], compare: [] as number[], all: [] as number[], check: [] as number[], told: [] as number[] };
    for (let round = -WARM_UP; round < ROUNDS; round++) {
      const value = newcomers[round + WARM_UP]!;
      const delta: MapDelta = { revision: position.revision + BigInt(round + WARM_UP + 1), changes: [{ change: { $case: 'peer', value } }] };
      const took = await agent.take(delta);
      if (round < 0) continue;
      for (const key of ['map', 'plan', 'compare', 'told'] as const) seen[key].push(took[key]);
      seen.all.push(took.map + took.plan + took.compare);
      seen.check.push(checkMs());
    }
    return [
      { what: 'one node more, all of it', unit: 'ms', values: seen.all, floor: { what: 'ms, check of a signature', values: seen.check }, targets: [{ kind: 'at most', of: 'value', limit: 10 }] },
      { what: 'of it: the map, with the certificate', unit: 'ms', values: seen.map },
      { what: 'of it: the plan', unit: 'ms', values: seen.plan },
      { what: 'of it: compared with the interface', unit: 'ms', values: seen.compare },
      { what: 'peers that wg(8) is told of', unit: '', values: seen.told, targets: [{ kind: 'at most', of: 'value', limit: 1 }] },
    ];
  },
};

const NETWORK = NetworkConfig.fromPartial({ name: 'default', cidr: '10.0.0.0/8', interconnection: true, mtu: 1280 });

/** What an agent does with a change, step by step. */
class ChangedAgent {
  readonly #device = new RecordedDevice();
  readonly #names = new MapNames();
  readonly #self: PlanSelf;

  constructor({ keys, facts }: Membership, private readonly maps: MapStore) {
    this.#self = { privateKey: keys.wireguard, bindIp: facts.bindIp, bindIp6: '', listenPort: 0, mtu: 0 };
  }

  /** @returns How long each step took, ms, and how many peers changed on the interface. */
  async take(delta: MapDelta | undefined): Promise<{ map: number; plan: number; compare: number; told: number }> {
    const start = performance.now();
    if (delta !== undefined) this.maps.applyDelta(delta);
    const map = this.maps.current()!;
    this.#names.show(map);
    const inMap = performance.now();
    const config = planDevice({ self: this.#self, network: map.network, peers: map.peers });
    const planned = performance.now();
    const told = peerDiff((await this.#device.observe())?.peers ?? new Map(), config.peers).length;
    const compared = performance.now();
    await this.#device.set(config);
    // Every one of them holds ten thousand peers.
    this.#device.configs.length = 0;
    return { map: inMap - start, plan: planned - inMap, compare: compared - planned, told };
  }
}

async function makeMembers(progress: (line: string) => void): Promise<Members> {
  const folder = mkdtempSync(join(tmpdir(), 'nc-bench-'));
  try {
    const config = parseServerConfig(JSON.stringify({ server: serverSettings(folder) }), 'bench.yml');
    return await prepareMembers({ config, nodes: NODES, progress: (done) => progress(`${done} of ${NODES} nodes made`) });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function peerOf({ facts, keys, networkCertificate }: Membership): Peer {
  const { nodeId, name, bindIp } = facts;
  return Peer.fromPartial({ nodeId, name, bindIp, networkCertificate, wgPublicKey: wireGuardPublicKey(parseWireGuardKey(keys.wireguard)) });
}

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const [spki, signature] = [publicKey.export({ type: 'spki', format: 'der' }), sign('sha256', CONTENTS, privateKey)];

/** One change brings one certificate, whose signature is to be checked. */
function checkMs(): number {
  const start = performance.now();
  verify('sha256', CONTENTS, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature);
  return performance.now() - start;
}
