import type { AgentServiceGetStatusResponse, PeerStatus } from '../../gen/networkcontroller/v1/agent.js';
import { formatAge, formatBytes, formatExpiry, isoTime } from '../../platform/measures.js';
import type { Colors, Output } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';
import { pathWord } from '../path-kind.js';

/** Milliseconds until a peer answered just now, by its overlay address. */
export type Latencies = ReadonlyMap<string, number>;

/** The whole status for programs. */
export function statusJson(status: AgentServiceGetStatusResponse, latencies: Latencies = new Map()) {
  const { nodeId, name, network, bindIp, bindIp6, control, controlEndpoint, revision, tunnelUp, zone, health, pid, clusterId } = status;
  return {
    node: { id: nodeId, name, network, bindIp, bindIp6 },
    cluster: { id: clusterId, revision },
    interface: { name: status.interfaceName, device: status.device },
    control: { state: control, endpoint: controlEndpoint },
    tunnelUp,
    reflexiveEndpoint: status.reflexiveEndpoint,
    zone,
    certificateExpiresAt: isoTime(status.certificateExpiresAtMs),
    readyAfterMs: status.readyAfterMs,
    pid,
    routes: status.routes,
    waitingRoutes: status.waitingRoutes,
    exit: status.exit,
    health,
    peers: status.peers.map((peer) => ({ ...peerJson(peer), latencyMs: latencies.get(peer.bindIp) ?? null })),
  };
}

function peerJson({ nodeId, name, bindIp, bindIp6, path, overTcp, relay, endpoint, lastHandshakeMs, rxBytes, txBytes, refused, routes }: PeerStatus) {
  return { id: nodeId, name, bindIp, bindIp6, path: pathWord(path), overTcp, relay, endpoint, lastHandshake: isoTime(lastHandshakeMs), rxBytes, txBytes, refused, routes };
}

/** The whole status for people: this node, its peers, what is wrong. */
export function statusText(output: Output, status: AgentServiceGetStatusResponse, nowMs: number, latencies: Latencies): string {
  const { colors } = output;
  const peers = status.peers.length === 0 ? colors.dim('no other nodes yet') : output.layOut(peerColumns(colors, nowMs, latencies), status.peers);
  const health = status.health.map((line) => `${colors.yellow('!')} ${line}`);
  return [...headLines(colors, status, nowMs), '', peers.trimEnd(), ...(health.length > 0 ? ['', ...health] : [])].join('\n');
}

function headLines(colors: Colors, status: AgentServiceGetStatusResponse, nowMs: number): string[] {
  const addresses = [status.bindIp, status.bindIp6].filter((address) => address !== '').join(' ');
  const at = status.controlEndpoint === '' ? '' : ` ${colors.dim(status.controlEndpoint)}`;
  return [
    `${colors.bold(status.name)}  ${addresses}  ${colors.dim(`network ${status.network}, ${status.interfaceName} (${status.device})`)}`,
    `control ${controlText(colors, status.control)}${at}  tunnel ${tunnelText(colors, status)}  certificate ends ${formatExpiry(status.certificateExpiresAtMs, nowMs)}`,
    ...reachLine(colors, status),
  ];
}

/** Nothing for a node like most. */
function reachLine(colors: Colors, { routes, waitingRoutes, exit }: AgentServiceGetStatusResponse): string[] {
  const parts = [
    routes.length > 0 && `behind it ${routes.join(' ')}`,
    waitingRoutes.length > 0 && colors.yellow(`not approved ${waitingRoutes.join(' ')}`),
    exit !== '' && `leaves through ${exit}`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? [] : [parts.join('  ')];
}

function controlText(colors: Colors, state: string): string {
  return state === 'connected' ? colors.green('● connected') : colors.yellow(`○ ${state}`);
}

function tunnelText(colors: Colors, { tunnelUp, device }: AgentServiceGetStatusResponse): string {
  if (device === 'recorded') return colors.dim('recorded only');
  return tunnelUp ? colors.green('● up') : colors.yellow('○ down');
}

function peerColumns(colors: Colors, nowMs: number, latencies: Latencies): Column<PeerStatus>[] {
  return [
    { title: 'NAME', cell: ({ name }) => colors.bold(name), yields: 1 },
    { title: 'ADDRESS', cell: ({ bindIp }) => bindIp },
    { title: 'ADDRESS6', cell: ({ bindIp6 }) => bindIp6 || '-', wide: true },
    { title: 'PATH', cell: (peer) => pathText(colors, peer) },
    { title: 'ENDPOINT', cell: ({ endpoint }) => endpoint || '-', yields: 2 },
    { title: 'LATENCY', cell: ({ bindIp }) => latencyText(latencies.get(bindIp)), yields: 3 },
    { title: 'HANDSHAKE', cell: ({ lastHandshakeMs }) => formatAge(lastHandshakeMs, nowMs) },
    { title: 'RX', cell: ({ rxBytes }) => formatBytes(rxBytes) },
    { title: 'TX', cell: ({ txBytes }) => formatBytes(txBytes) },
    { title: 'ROUTES', cell: ({ routes }) => routes.join(',') || '-', wide: true },
    { title: 'ID', cell: ({ nodeId }) => nodeId, wide: true },
    { title: 'REFUSED', cell: ({ refused }) => refused || '-', wide: true },
  ];
}

function latencyText(ms: number | undefined): string {
  return ms === undefined ? '-' : `${ms} ms`;
}

function pathText(colors: Colors, { path, overTcp, relay, refused }: PeerStatus): string {
  if (refused !== '') return colors.red('refused');
  const word = pathWord(path);
  return { direct: colors.green, relay: colors.yellow, none: colors.dim }[word](overTcp ? `${word} (tcp)` : relay === '' ? word : `${word} (${relay})`);
}
