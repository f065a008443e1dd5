import { randomBytes } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { silentLog, type Log, type LogFields } from '../../src/platform/log.js';
import type { RendezvousLimits } from '../../src/server/rendezvous/limits.js';
import type { FindPeer, QuerySource, Rendezvous, RendezvousPeer } from '../../src/server/rendezvous/rendezvous.js';
import { startRendezvous } from '../../src/server/rendezvous/start-rendezvous.js';
import { ManualClock } from './clock.js';
import { WireguardNode } from './wireguard-node.js';

/** The network of a test's nodes unless it names another. */
export const NETWORK = { name: 'default', bindIp: '10.66.0.1', bindIp6: 'fd00:66::1', interconnection: true };

/** What a test may choose. */
export interface TestRendezvousOptions {
  readonly host?: string;
  readonly limits?: Partial<RendezvousLimits>;
  readonly findPeer?: FindPeer;
  readonly onDnsQuery?: (query: Uint8Array, from: QuerySource) => Promise<Uint8Array | undefined>;
}

/** A rendezvous on loopback with everything that it has told. */
export interface TestRendezvous {
  readonly rendezvous: Rendezvous;
  readonly clock: ManualClock;
  /** What `onEndpoint` has said, `node-1 127.0.0.1:4711`. */
  readonly endpoints: string[];
  /** What `onHandshake` has said. */
  readonly handshakes: string[];
  readonly errors: LogFields[];
  /** A node that the rendezvous knows. Its overlay addresses end in its number. */
  node(number: number, options?: Partial<RendezvousPeer> & { readonly host?: string }): Promise<WireguardNode>;
  /** A node that it does not know. */
  stranger(host?: string): Promise<WireguardNode>;
}

/** Starts a rendezvous that stops with the test. */
export async function aRendezvous(options: TestRendezvousOptions = {}): Promise<TestRendezvous> {
  const clock = new ManualClock();
  const endpoints: string[] = [];
  const handshakes: string[] = [];
  const errors: LogFields[] = [];
  const log: Log = { ...silentLog, error: (message, fields) => errors.push({ message, ...fields }) };
  const host = options.host ?? '127.0.0.1';
  const rendezvous = await startRendezvous({
    privateKey: randomBytes(32),
    host,
    port: 0,
    probePort: 0,
    clock,
    log,
    limits: options.limits ?? {},
    ...(options.findPeer && { findPeer: options.findPeer }),
    events: {
      onEndpoint: (nodeId, endpoint) => endpoints.push(`${nodeId} ${endpoint}`),
      onHandshake: (nodeId) => handshakes.push(nodeId),
      onDnsQuery: options.onDnsQuery ?? (() => Promise.resolve(undefined)),
    },
  });
  onTestFinished(() => rendezvous.stop());
  rendezvous.setNetwork(NETWORK);
  const stranger = (from = host): Promise<WireguardNode> => WireguardNode.open(randomBytes(32), rendezvous.port, from);
  return {
    rendezvous,
    clock,
    endpoints,
    handshakes,
    errors,
    stranger,
    async node(number, { host: from, ...peer } = {}) {
      const node = await stranger(from);
      rendezvous.setPeer(peerOf(node, number, peer));
      return node;
    },
  };
}

/** What the store would say of `node`. */
export function peerOf(node: WireguardNode, number: number, peer: Partial<RendezvousPeer> = {}): RendezvousPeer {
  return {
    nodeId: `node-${number}`,
    network: NETWORK.name,
    wgPublicKey: node.publicKey,
    bindIp: `10.66.0.${number}`,
    bindIp6: `fd00:66::${number}`,
    ...peer,
  };
}
