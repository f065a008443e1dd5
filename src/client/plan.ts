import { parseCidr4, parseCidr6 } from '../domain/cidr.js';
import { EXIT_ROUTE } from '../domain/route.js';
import type { NetworkConfig, Peer, Relay } from '../gen/networkcontroller/v1/types.js';
import type { DeviceConfig, DevicePeer } from '../platform/wireguard/device.js';
import { EXIT_MARK } from './reach/filter-rules.js';
import type { AwakePeers } from './lazy/lazy-peers.js';
import { formatWireGuardKey, parseWireGuardKey, wireGuardPublicKey } from '../platform/wireguard/keys.js';

/** Seconds between keepalives: under the 30 s after which the shortest-lived NATs forget (RFC 4787 REQ-5 wants 120). */
const KEEPALIVE_SECONDS = 25;

/** Bytes; passes every path that carries IPv6 (RFC 8200 §5) inside WireGuard's own framing. */
const DEFAULT_MTU = 1280;

/** A node's own part of the plan. */
export interface PlanSelf {
  /** Base64. */
  readonly privateKey: string;
  /** Overlay addresses without prefix length; `bindIp6` empty without IPv6. */
  readonly bindIp: string;
  readonly bindIp6: string;
  /** UDP, 0 for any. */
  readonly listenPort: number;
  /** Bytes, 0 for the network's. */
  readonly mtu: number;
}

/** What {@link planDevice} decides on. */
export interface PlanInput {
  readonly self: PlanSelf;
  readonly network: NetworkConfig;
  /** Verified ones only. */
  readonly peers: readonly Peer[];
  /** Verified relays beside the controller's own. */
  readonly relays?: readonly Relay[];
  /** Name of the node through which everything else leaves; empty for none. */
  readonly exit?: string;
  /** Node id → direct endpoint to begin with, for a start without the controller; others begin on the relay. */
  readonly direct?: Readonly<Record<string, string>>;
  /** Who is configured, and who stands in for the others; all are when left out. */
  readonly lazy?: AwakePeers | undefined;
  /** What was planned for a peer, so that of ten thousand only those that changed are planned anew. One cache for one own key. */
  readonly planned?: WeakMap<Peer, DevicePeer>;
}

/**
 * Turns a verified network map into the configuration of the WireGuard interface.
 *
 * The controller is the first peer and is kept alive. Every other peer begins at the relay, which is the controller's
 * own socket; of each pair only the one with the smaller public key sends first, because two handshakes that cross make
 * WireGuard wait five seconds. Without interconnection the controller is the only peer.
 */
export function planDevice(input: PlanInput): DeviceConfig {
  const { self, network } = input;
  const peers = network.interconnection ? withUniqueRoutes(withChosenExit(input.peers, input.exit ?? '')) : [];
  const { isAwake = () => true } = input.lazy ?? {};
  const awake = peers.filter(({ nodeId }) => isAwake(nodeId));
  const ownKey = formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(self.privateKey)));
  return {
    privateKey: self.privateKey,
    listenPort: self.listenPort,
    addresses: overlayAddresses(self, network),
    mtu: self.mtu || network.mtu || DEFAULT_MTU,
    ...(input.exit !== undefined && input.exit !== '' && { mark: EXIT_MARK }),
    // What leaves through an exit is led there by rules of its own, not by the main table.
    routes: peers.flatMap((peer) => peer.routes).filter((route) => route !== EXIT_ROUTE),
    peers: [...controllerPeer(network), ...(network.interconnection ? relayPeers(input) : []), ...wakerPeer(peers, input), ...awake.map((peer) => devicePeer(peer, ownKey, input))],
  };
}

/** Whether the node of public key `own` sends the first handshake to that of `other`; both base64. */
export function isInitiator(own: string, other: string): boolean {
  return own < other;
}

/** Nobody is an exit for this node but the one that it chose. */
function withChosenExit(peers: readonly Peer[], exit: string): Peer[] {
  return peers.map((peer) => (peer.name === exit || !peer.routes.includes(EXIT_ROUTE) ? peer : { ...peer, routes: peer.routes.filter((route) => route !== EXIT_ROUTE) }));
}

/**
 * Leaves each prefix to one peer, the one with the smallest node id: WireGuard gives it to whoever asked last, and would be
 * asked again by the other each time.
 */
function withUniqueRoutes(peers: readonly Peer[]): Peer[] {
  const holders = new Map<string, string>();
  const sorted = peers.filter(({ routes }) => routes.length > 0).sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  for (const { nodeId, routes } of sorted) for (const route of routes) if (!holders.has(route)) holders.set(route, nodeId);
  const isTheirs = ({ nodeId, routes }: Peer): boolean => routes.every((route) => holders.get(route) === nodeId);
  return peers.map((peer) => (isTheirs(peer) ? peer : { ...peer, routes: peer.routes.filter((route) => holders.get(route) === peer.nodeId) }));
}

function overlayAddresses(self: PlanSelf, network: NetworkConfig): string[] {
  const addresses = [`${self.bindIp}/${parseCidr4(network.cidr).prefixLength}`];
  if (self.bindIp6 !== '' && network.cidr6 !== '') addresses.push(`${self.bindIp6}/${parseCidr6(network.cidr6).prefixLength}`);
  return addresses;
}

function controllerPeer(network: NetworkConfig): DevicePeer[] {
  const controller = network.controller;
  if (controller === undefined) return [];
  return [{
    publicKey: formatWireGuardKey(controller.wgPublicKey),
    allowedIps: hostRoutes(controller.bindIp, controller.bindIp6),
    ...withEndpoint(controller.endpoints[0]),
    persistentKeepalive: KEEPALIVE_SECONDS,
  }];
}

/** A relay has no addresses: nothing but WireGuard's own packets goes to it. Never in the place of a node. */
function relayPeers({ relays = [], peers, network }: PlanInput): DevicePeer[] {
  const isTaken = (key: Buffer): boolean => network.controller?.wgPublicKey.equals(key) === true || peers.some(({ wgPublicKey }) => wgPublicKey.equals(key));
  return relays
    .filter(({ wgPublicKey }) => !isTaken(wgPublicKey))
    .map(({ wgPublicKey, endpoints }) => ({ publicKey: formatWireGuardKey(wgPublicKey), allowedIps: [], ...withEndpoint(endpoints[0]), persistentKeepalive: KEEPALIVE_SECONDS }));
}

/** Has every address that is nobody's else's: WireGuard gives a packet to the peer with the longest prefix that fits. */
function wakerPeer(peers: readonly Peer[], { lazy, network }: PlanInput): DevicePeer[] {
  if (lazy === undefined) return [];
  const behind = peers.filter(({ nodeId }) => !lazy.isAwake(nodeId)).flatMap(({ routes }) => routes);
  return [{ ...lazy.waker, allowedIps: [network.cidr, ...(network.cidr6 === '' ? [] : [network.cidr6]), ...behind], persistentKeepalive: 0 }];
}

function devicePeer(peer: Peer, ownKey: string, { network, direct, planned }: PlanInput): DevicePeer {
  const endpoint = direct?.[peer.nodeId] ?? network.controller?.endpoints[0];
  const before = planned?.get(peer);
  if (before !== undefined && before.endpoint === endpoint) return before;
  const publicKey = formatWireGuardKey(peer.wgPublicKey);
  const plan = {
    publicKey,
    allowedIps: [...hostRoutes(peer.bindIp, peer.bindIp6), ...peer.routes],
    ...withEndpoint(endpoint),
    persistentKeepalive: isInitiator(ownKey, publicKey) ? KEEPALIVE_SECONDS : 0,
  };
  planned?.set(peer, plan);
  return plan;
}

function hostRoutes(ip: string, ip6: string): string[] {
  return [`${ip}/32`, ...(ip6 === '' ? [] : [`${ip6}/128`])];
}

function withEndpoint(endpoint: string | undefined): { endpoint?: string } {
  return endpoint === undefined ? {} : { endpoint };
}
