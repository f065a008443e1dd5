import { parseCidr4, parseCidr6 } from '../domain/cidr.js';
import { EXIT_ROUTE } from '../domain/route.js';
import type { NetworkConfig, Peer, Relay } from '../gen/networkcontroller/v1/types.js';
import type { DeviceConfig, DevicePeer } from '../platform/wireguard/device.js';
import { EXIT_MARK } from './reach/filter-rules.js';
import type { AwakePeers } from './lazy/lazy-peers.js';
import { formatWireGuardKey } from '../platform/wireguard/keys.js';

/** Seconds between keepalives: under the 30 s after which the shortest-lived NATs forget (RFC 4787 REQ-5 wants 120). */
const KEEPALIVE_SECONDS = 25;

const NO_ROUTES: readonly string[] = [];

/** Bytes; passes every path that carries IPv6 (RFC 8200 §5) inside WireGuard's own framing. */
const DEFAULT_MTU = 1280;

/** A node's own part of the plan. */
export interface PlanSelf {
  /** Base64, and its public half. */
  readonly privateKey: string;
  readonly publicKey: string;
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
  /** Whom to configure; verified ones only. */
  readonly peers: readonly Peer[];
  /** All verified ones that lead to other networks, configured or not. */
  readonly routers: readonly Peer[];
  /** Verified relays beside the controller's own. */
  readonly relays?: readonly Relay[];
  /** Name of the node through which everything else leaves; empty for none. */
  readonly exit?: string;
  /** Node id → direct endpoint to begin with, for a start without the controller; others begin on the relay. */
  readonly direct?: Readonly<Record<string, string>>;
  /** Who stands in for those that are not configured; nobody when left out, for all are. */
  readonly lazy?: Pick<AwakePeers, 'isAwake' | 'waker'> | undefined;
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
  const routes = network.interconnection ? routesOf(input.routers, input.exit ?? '') : new Map<string, string[]>();
  const peers = network.interconnection ? input.peers.map((peer) => devicePeer(peer, routes.get(peer.nodeId) ?? NO_ROUTES, input)) : [];
  return {
    privateKey: self.privateKey,
    listenPort: self.listenPort,
    addresses: overlayAddresses(self, network),
    mtu: self.mtu || network.mtu || DEFAULT_MTU,
    ...(input.exit !== undefined && input.exit !== '' && { mark: EXIT_MARK }),
    // What leaves through an exit is led there by rules of its own, not by the main table.
    routes: [...routes.values()].flat().filter((route) => route !== EXIT_ROUTE),
    peers: [...controllerPeer(network), ...(network.interconnection ? relayPeers(peers, input) : []), ...wakerPeer(routes, input), ...peers],
  };
}

/** Whether the node of public key `own` sends the first handshake to that of `other`; both base64. */
export function isInitiator(own: string, other: string): boolean {
  return own < other;
}

/**
 * The networks that each peer leads to, by node id.
 *
 * Each prefix is left to one peer, the one with the smallest node id: WireGuard gives it to whoever asked last, and would be asked again by
 * the other each time. Nobody is an exit for this node but the one that it chose.
 */
function routesOf(routers: readonly Peer[], exit: string): Map<string, string[]> {
  const holders = new Map<string, string>();
  const usable = routers.map(({ nodeId, name, routes }) => [nodeId, routes.filter((route) => name === exit || route !== EXIT_ROUTE)] as const);
  for (const [nodeId, routes] of usable) for (const route of routes) if (!(holders.get(route)! <= nodeId)) holders.set(route, nodeId);
  return new Map(usable.map(([nodeId, routes]) => [nodeId, routes.filter((route) => holders.get(route) === nodeId)]));
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
function relayPeers(peers: readonly DevicePeer[], { relays = [], network }: PlanInput): DevicePeer[] {
  if (relays.length === 0) return [];
  const taken = new Set(peers.map(({ publicKey }) => publicKey));
  if (network.controller !== undefined) taken.add(formatWireGuardKey(network.controller.wgPublicKey));
  return relays
    .map(({ wgPublicKey, endpoints }) => ({ publicKey: formatWireGuardKey(wgPublicKey), allowedIps: [], ...withEndpoint(endpoints[0]), persistentKeepalive: KEEPALIVE_SECONDS }))
    .filter(({ publicKey }) => !taken.has(publicKey));
}

/** Has every address that is nobody's else's: WireGuard gives a packet to the peer with the longest prefix that fits. */
function wakerPeer(routes: ReadonlyMap<string, readonly string[]>, { lazy, network }: PlanInput): DevicePeer[] {
  if (lazy === undefined || !network.interconnection) return [];
  const behind = [...routes].flatMap(([nodeId, prefixes]) => (lazy.isAwake(nodeId) ? [] : prefixes));
  return [{ ...lazy.waker, allowedIps: [network.cidr, ...(network.cidr6 === '' ? [] : [network.cidr6]), ...behind], persistentKeepalive: 0 }];
}

function devicePeer(peer: Peer, routes: readonly string[], { self, network, direct, planned }: PlanInput): DevicePeer {
  const endpoint = direct?.[peer.nodeId] ?? network.controller?.endpoints[0];
  const before = planned?.get(peer);
  // What leads to other networks depends on others too.
  if (before !== undefined && before.endpoint === endpoint && peer.routes.length === 0) return before;
  const publicKey = formatWireGuardKey(peer.wgPublicKey);
  const plan = {
    publicKey,
    allowedIps: [...hostRoutes(peer.bindIp, peer.bindIp6), ...routes],
    ...withEndpoint(endpoint),
    persistentKeepalive: isInitiator(self.publicKey, publicKey) ? KEEPALIVE_SECONDS : 0,
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
