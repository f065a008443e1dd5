import { makeMemberKeys, openMemberKeys } from '../../src/platform/member-keys.js';
import type { Membership } from '../../src/client/state/membership.js';
import type { Clock } from '../../src/platform/clock.js';
import { systemClock } from '../../src/platform/clock.js';
import type { ServerConfig } from '../../src/platform/config/server-config.js';
import { silentLog } from '../../src/platform/log.js';
import { wireGuardPublicKey } from '../../src/platform/wireguard/keys.js';
import type { Caller } from '../../src/server/auth/caller.js';
import { openServerState, type ServerState } from '../../src/server/server-state.js';
import { useCases } from '../../src/server/use-cases.js';
import type { Members } from './member.js';
import { offered } from './offered.js';

/** What the server's own folder is prepared for. */
export interface Preparation {
  readonly config: ServerConfig;
  readonly nodes: number;
  /** How many services each of them offers; none when left out. */
  readonly servicesEach?: number;
  /** Told now and then how many are there. */
  readonly progress?: (done: number) => void;
}

const CALLER: Caller = { kind: 'local', address: 'prepare' };
const IN_FLIGHT = 64;
const TOKEN = { network: 'default', lifetimeMs: undefined, maxUses: 0, label: 'prepared', nodeName: '', bindIp: '', labels: [], ephemeral: false, fromCidrs: [] };
/** Nobody is connected, so nothing is to be done from time to time. */
const STILL: Clock = { now: () => Date.now(), after: () => () => {}, every: () => () => {} };

/**
 * Makes a server's folder with nodes in it, through the server's own use cases in this process: what a join writes and issues, without TLS and
 * proofs. The server must not be running.
 */
export async function prepareMembers({ config, nodes, servicesEach = 0, progress = () => {} }: Preparation): Promise<Members> {
  const state = await openServerState(config, { clock: systemClock, log: silentLog });
  try {
    const register = await registrar(state, config, servicesEach);
    const members: Membership[] = [];
    while (members.length < nodes) {
      const batch = Array.from({ length: Math.min(IN_FLIGHT, nodes - members.length) }, (_, n) => register(members.length + n));
      members.push(...(await Promise.all(batch)));
      if (members.length % (IN_FLIGHT * 16) === 0 || members.length === nodes) progress(members.length);
    }
    const epoch = state.repository.view.cluster()?.value.epoch ?? '';
    return { position: { epoch, revision: state.repository.view.rev }, members };
  } finally {
    await state.close();
  }
}

async function registrar(state: ServerState, config: ServerConfig, servicesEach: number): Promise<(index: number) => Promise<Membership>> {
  const endpoints = () => ({ control: [], bootstrap: [], wireguard: [], probe: [], https: [], dns: [] });
  const wgPublicKey = wireGuardPublicKey(state.wgPrivateKey);
  const { tokens, registrations, services, facts } = useCases(state, config, { clock: STILL, wall: STILL, log: silentLog, version: 'prepare', wgPublicKey, endpoints });
  const { record, secret } = await tokens.create(TOKEN, CALLER);
  return async (index) => {
    const keys = makeMemberKeys();
    const { grpc, network, wgPublicKey: ownKey } = openMemberKeys(keys, 'node');
    const request = { bootstrapToken: `${record.id}.${secret}`, nodeName: `agent-${index}`, hostname: '', grpcSpki: grpc.spki, networkSpki: network.spki, wgPublicKey: ownKey };
    const { node, nodeToken, grpcCertificate, networkCertificate } = await registrations.register(request, CALLER);
    const caller: Caller = { kind: 'node', nodeId: node.id, network: node.network, serial: '', address: CALLER.address };
    await Promise.all(offered(servicesEach, { nodeId: node.id, name: node.name, network: node.network }).map((service) => services.add(service, caller)));
    const of = { nodeId: node.id, name: node.name, network: node.network, clusterId: facts.clusterId, bindIp: node.bindIp, bindIp6: node.bindIp6 };
    return {
      keys,
      nodeToken,
      grpcCertificate: Buffer.from(grpcCertificate),
      networkCertificate: Buffer.from(networkCertificate),
      bundle: facts.bundle(),
      facts: { ...of, controlEndpoints: [], bootstrapEndpoints: [], joinedAtMs: node.createdAtMs },
    };
  };
}
