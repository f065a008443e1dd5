import type { GetStatusResponse, NetworkInfo, Node } from '../../gen/networkcontroller/v1/admin.js';
import { formatAge } from '../../platform/measures.js';
import type { Colors, Output } from '../../platform/output.js';
import { replicaColumns, replicaJson } from './replica-view.js';
import { inReadingOrder, nodeColumns, nodeSummary, stateWord } from './node-view.js';

const BAR_CELLS = 20;
/** Shares of a pool from which on it is shown as a warning. */
const NEARLY_FULL = 0.8;
const FULL = 0.95;

/** The cluster, its pools and its nodes, for programs. */
export function statusJson(status: GetStatusResponse, nodes: readonly Node[]) {
  return { ...clusterJson(status), nodes: nodes.map(nodeSummary) };
}

/** The cluster, its pools and how many nodes and services there are, for programs. */
export function summaryJson(status: GetStatusResponse) {
  return { ...clusterJson(status), totals: { nodes: status.nodesTotal, connected: status.nodesConnected, services: status.servicesTotal } };
}

/** The same for people: the cluster, a bar for each network, the sum. */
export function summaryText(output: Output, status: GetStatusResponse, nowMs: number): string {
  const { nodesTotal, nodesConnected, servicesTotal } = status;
  const sum = `${plural(nodesTotal, 'node')}: ${nodesConnected} connected · ${plural(servicesTotal, 'service')}\n`;
  return [...heading(output, status, nowMs), sum].join('\n');
}

function clusterJson(status: GetStatusResponse) {
  const { id, epoch, revision } = status.cluster ?? { id: '', epoch: '', revision: 0n };
  return {
    cluster: { id, epoch, revision },
    networks: status.networks.map(({ name, cidr, addressesTotal, addressesUsed, addressesFree }) => ({
      name,
      cidr,
      addresses: { total: addressesTotal, used: addressesUsed, free: addressesFree },
    })),
    replicas: status.replicas.map(replicaJson),
  };
}

/** The same for people: the cluster, a bar for each network, a line for each node, the sum. */
export function statusText(output: Output, status: GetStatusResponse, nodes: readonly Node[], nowMs: number): string {
  const columns = nodeColumns(output.colors, nowMs);
  const shown = status.networks.length > 1 ? columns.map((column) => (column.title === 'NETWORK' ? { ...column, wide: false } : column)) : columns;
  const parts = heading(output, status, nowMs);
  if (nodes.length > 0) parts.push(output.layOut(shown, inReadingOrder(nodes)));
  return [...parts, summaryLine(output.colors, status, nodes)].join('\n');
}

/** The cluster, its servers where there are several, and a bar for each network. */
function heading(output: Output, status: GetStatusResponse, nowMs: number): string[] {
  const { colors } = output;
  const servers = status.replicas.length > 1 ? [output.layOut(replicaColumns(colors, nowMs), status.replicas)] : [];
  return [clusterLine(colors, status, nowMs), ...servers, networkLines(colors, status.networks)];
}

function clusterLine(colors: Colors, status: GetStatusResponse, nowMs: number): string {
  const { id, epoch, revision } = status.cluster ?? { id: '?', epoch: '?', revision: 0n };
  const state = status.state === 'running' ? colors.green(status.state) : colors.yellow(status.state || 'unknown');
  const up = status.startedAtMs === 0 ? '' : ` · started ${formatAge(status.startedAtMs, nowMs)}`;
  return `${colors.bold('cluster')} ${id}  ${state} · revision ${revision} · epoch ${epoch} · nc-server ${status.version || '?'}${up}\n`;
}

function networkLines(colors: Colors, networks: readonly NetworkInfo[]): string {
  const nameWidth = Math.max(0, ...networks.map(({ name }) => name.length));
  return networks.map((network) => `${colors.bold('network')} ${network.name.padEnd(nameWidth)}  ${poolText(colors, network)}\n`).join('');
}

function poolText(colors: Colors, network: NetworkInfo): string {
  const { cidr, cidr6, addressesTotal: total, addressesUsed: used, addressesFree: free, addressesQuarantined: resting } = network;
  const share = total === 0 ? 0 : used / total;
  const paint = share >= FULL ? colors.red : share >= NEARLY_FULL ? colors.yellow : colors.green;
  // One address in a large network still shows: an empty bar says that nobody is in.
  const cells = used === 0 ? 0 : Math.max(1, Math.round(share * BAR_CELLS));
  const bar = paint('█'.repeat(cells)) + colors.dim('░'.repeat(BAR_CELLS - cells));
  const rest = resting > 0 ? `, ${resting} resting` : '';
  return `${[cidr, cidr6].filter(Boolean).join(' ')}  ${bar}  ${used} of ${total} addresses used, ${free} free${rest}`;
}

function summaryLine(colors: Colors, status: GetStatusResponse, nodes: readonly Node[]): string {
  // The controller's own row is no machine that joined.
  const joined = nodes.filter(({ reserved }) => !reserved);
  if (joined.length === 0) return `no nodes yet: ${colors.cyan('ncadm token create --expire 10m')} makes a join string\n`;
  const count = (word: string): number => joined.filter(({ state }) => stateWord(state) === word).length;
  const states = [`${count('connected')} connected`, ...(count('init') > 0 ? [`${count('init')} init`] : []), `${count('idle')} idle`];
  return `${plural(joined.length, 'node')}: ${states.join(', ')} · ${plural(status.servicesTotal, 'service')}\n`;
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
