import { EXIT_ROUTE } from '../domain/route.js';
import type { AgentServiceGetStatusResponse, PeerStatus } from '../gen/networkcontroller/v1/agent.js';
import { PathKind, type Peer } from '../gen/networkcontroller/v1/types.js';
import type { DeviceKind, DeviceState } from '../platform/wireguard/device.js';
import { formatWireGuardKey } from '../platform/wireguard/keys.js';
import type { ControlState } from './control-link.js';
import type { NetworkMap } from './map-store.js';
import { wirePathKind } from './path-kind.js';
import type { PathState } from './path-types.js';
import { approvedRoutes, exitPeer, offeredRoutes, type ReachSettings } from './reach/reach.js';
import type { MembershipFacts } from './state/membership.js';

/** A session older than this is dead. @see WireGuard whitepaper §6.1, Reject-After-Time */
const SESSION_MS = 180_000;

/** Everything that an agent's status is told from. */
export interface StatusFacts {
  readonly membership: MembershipFacts;
  readonly map: NetworkMap | undefined;
  readonly device: { readonly kind: DeviceKind; readonly interfaceName: string; readonly state: DeviceState | undefined; readonly error: string };
  readonly control: { readonly state: ControlState; readonly endpoint: string; readonly lastError: string };
  readonly paths: readonly PathState[];
  /** The relay's end of the TCP connection that its packets take; empty over UDP. */
  readonly tcpEndpoint: string;
  /** The name of the relay at an endpoint; empty for the controller's own and for what is no relay. */
  relayAt(endpoint: string): string;
  readonly certificateExpiresAtMs: number;
  readonly reflexiveEndpoint: string;
  readonly tunnelUp: boolean;
  readonly configured: boolean;
  readonly readyAfterMs: number;
  /** Why a service of client.yml is not offered, or empty. */
  readonly serviceError: string;
  /** Why this machine does not resolve the names of the network, or empty. */
  readonly hostDnsError: string;
  /** How far this machine reaches, and who reaches through it. */
  readonly reach: { readonly settings: ReachSettings; readonly problem: string };
  /** Why the certificates could not be renewed, or empty. */
  readonly renewalError: string;
  readonly pid: number;
  readonly nowMs: number;
}

/** Tells what the agent knows: itself, its connections, each peer, and what is wrong. */
export function agentStatus(facts: StatusFacts): AgentServiceGetStatusResponse {
  const { membership, map, device, control } = facts;
  return {
    nodeId: membership.nodeId,
    name: map?.self?.name ?? membership.name,
    network: membership.network,
    bindIp: membership.bindIp,
    bindIp6: membership.bindIp6,
    interfaceName: device.interfaceName,
    device: device.kind,
    control: control.state,
    controlEndpoint: control.endpoint,
    revision: map?.revision ?? 0n,
    peers: [...(map?.peers ?? []).map((peer) => peerStatus(peer, facts)), ...refusedPeers(map)].sort(byName),
    certificateExpiresAtMs: facts.certificateExpiresAtMs,
    reflexiveEndpoint: facts.reflexiveEndpoint,
    zone: map?.network.zone ?? '',
    health: healthOf(facts),
    pid: facts.pid,
    tunnelUp: facts.tunnelUp,
    clusterId: membership.clusterId,
    readyAfterMs: facts.readyAfterMs,
    ...ownRoutes(facts),
    exit: facts.reach.settings.redirectGateway,
  };
}

function peerStatus(peer: Peer, { paths, tcpEndpoint, relayAt, device }: StatusFacts): PeerStatus {
  const path = paths.find(({ nodeId }) => nodeId === peer.nodeId);
  const seen = device.state?.peers.get(formatWireGuardKey(peer.wgPublicKey));
  const overTcp = path?.kind === 'relay' && tcpEndpoint !== '';
  return {
    ...addressOf(peer),
    overTcp,
    relay: path?.kind === 'relay' ? relayAt(path.endpoint) : '',
    path: path === undefined ? PathKind.PATH_KIND_NONE : wirePathKind(path.kind),
    endpoint: overTcp ? tcpEndpoint : (seen?.endpoint ?? path?.endpoint ?? ''),
    lastHandshakeMs: seen?.latestHandshakeMs ?? 0,
    rxBytes: seen?.rxBytes ?? 0,
    txBytes: seen?.txBytes ?? 0,
    refused: '',
    routes: peer.routes,
  };
}

function refusedPeers(map: NetworkMap | undefined): PeerStatus[] {
  const silent = { path: PathKind.PATH_KIND_NONE, endpoint: '', lastHandshakeMs: 0, rxBytes: 0, txBytes: 0, overTcp: false, relay: '', routes: [] };
  return (map?.refused ?? []).map(({ peer, reason }) => ({ ...addressOf(peer), ...silent, refused: reason }));
}

function addressOf({ nodeId, name, bindIp, bindIp6 }: Peer): Pick<PeerStatus, 'nodeId' | 'name' | 'bindIp' | 'bindIp6'> {
  return { nodeId, name, bindIp, bindIp6 };
}

function byName(a: PeerStatus, b: PeerStatus): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

function healthOf(facts: StatusFacts): string[] {
  const { control, device, map, certificateExpiresAtMs, nowMs, renewalError } = facts;
  const ended = certificateExpiresAtMs <= nowMs;
  return [
    control.state !== 'connected' && control.lastError !== '' && `controller not reached at ${control.endpoint}: ${control.lastError}; peers stay connected meanwhile`,
    device.error !== '' && `interface ${device.interfaceName}: ${device.error}`,
    facts.configured && !facts.tunnelUp && device.kind !== 'recorded' && device.error === '' && unansweredTunnel(map),
    facts.tcpEndpoint !== '' && `UDP to the relay does not get through; its packets go over TCP to ${facts.tcpEndpoint}, which is slower`,
    renewalError !== '' && `the certificates of this node ${ended ? 'have ended and were not recovered' : 'were not renewed'}: ${renewalError}`,
    facts.serviceError,
    facts.hostDnsError,
    facts.reach.problem,
    exitProblem(facts),
    (map?.refused.length ?? 0) > 0 && `${map?.refused.length} peers refused because their certificates do not verify; see -o wide`,
  ].filter((line): line is string => typeof line === 'string' && line !== '');
}

function ownRoutes({ map, reach }: StatusFacts): Pick<AgentServiceGetStatusResponse, 'routes' | 'waitingRoutes'> {
  const routes = approvedRoutes({ self: map?.self }, reach.settings);
  return { routes, waitingRoutes: offeredRoutes(reach.settings).filter((route) => !routes.includes(route)) };
}

/** Nothing leaves while the exit is away, so whoever looks wants to know. */
function exitProblem({ map, device, reach: { settings }, configured, nowMs }: StatusFacts): string {
  const name = settings.redirectGateway;
  if (name === '' || map === undefined || device.kind === 'recorded' || !configured) return '';
  const peer = exitPeer(map, name);
  if (peer === undefined) return `exit ${name}: ${exitAdvice(map, name)}; until then nothing leaves this machine but to its own networks`;
  const silentMs = nowMs - (device.state?.peers.get(formatWireGuardKey(peer.wgPublicKey))?.latestHandshakeMs ?? 0);
  return silentMs > SESSION_MS ? `exit ${name}: does not answer; nothing leaves this machine meanwhile but to its own networks` : '';
}

function exitAdvice({ peers }: NetworkMap, name: string): string {
  return peers.some((peer) => peer.name === name) ? `is no approved exit; set exitNode: true there, then "ncadm route approve ${name} ${EXIT_ROUTE}"` : 'no node of this name is in the network';
}

function unansweredTunnel(map: NetworkMap | undefined): string {
  const endpoints = map?.network.controller?.endpoints.join(', ') ?? '';
  return `no WireGuard handshake with the controller at ${endpoints}; is UDP to it blocked?`;
}
