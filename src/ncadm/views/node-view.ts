import { NodeState, PathKind } from '../../gen/networkcontroller/v1/types.js';
import type { Node } from '../../gen/networkcontroller/v1/admin.js';
import { formatAge, isoTime } from '../../platform/measures.js';
import type { Colors } from '../../platform/output.js';
import type { Column } from '../../platform/text-table.js';

const STATES: Record<NodeState, 'idle' | 'init' | 'connected'> = {
  [NodeState.NODE_STATE_UNSPECIFIED]: 'idle',
  [NodeState.NODE_STATE_IDLE]: 'idle',
  [NodeState.NODE_STATE_INIT]: 'init',
  [NodeState.NODE_STATE_CONNECTED]: 'connected',
};

const PATHS: Record<PathKind, 'none' | 'relay' | 'direct'> = {
  [PathKind.PATH_KIND_UNSPECIFIED]: 'none',
  [PathKind.PATH_KIND_NONE]: 'none',
  [PathKind.PATH_KIND_RELAY]: 'relay',
  [PathKind.PATH_KIND_DIRECT]: 'direct',
};

/** The word for a node's state, which is LiteKube's -1, 1 or 3. */
export function stateWord(state: NodeState): 'idle' | 'init' | 'connected' {
  return STATES[state];
}

/** The word for how packets travel. */
export function pathWord(path: PathKind): 'none' | 'relay' | 'direct' {
  return PATHS[path];
}

/** A node in the list of `status -o json`. */
export function nodeSummary(node: Node) {
  const { id, name, network, bindIp, endpoint, version } = node;
  return { id, name, network, bindIp, state: STATES[node.state], endpoint, path: PATHS[node.path], lastSeen: isoTime(node.lastSeenMs), version };
}

/** The controller first, then by network and name, as people count: web-2 before web-10. */
export function inReadingOrder(nodes: readonly Node[]): Node[] {
  return nodes.toSorted((a, b) => Number(b.reserved) - Number(a.reserved) || byText(a.network, b.network) || byText(a.name, b.name));
}

/** All of a node, for programs. */
export function nodeJson(node: Node) {
  const { bindIp6, labels, tokenId, appliedRevision, reserved, staticAddress, ephemeral } = node;
  return {
    ...nodeSummary(node),
    bindIp6,
    labels,
    tokenId,
    appliedRevision,
    reserved,
    staticAddress,
    ephemeral,
    createdAt: isoTime(node.createdAtMs),
    certificateExpiresAt: isoTime(node.certificateExpiresAtMs),
    wgPublicKey: Buffer.from(node.wgPublicKey).toString('base64'),
  };
}

/** The columns of a list of nodes: one line each. */
export function nodeColumns(colors: Colors, nowMs: number): Column<Node>[] {
  return [
    { title: 'NAME', cell: ({ name }) => colors.bold(name), yields: 1 },
    { title: 'STATE', cell: ({ state }) => `${stateDot(colors, state)} ${STATES[state]}` },
    { title: 'ADDRESS', cell: ({ bindIp }) => bindIp || '-' },
    { title: 'ADDRESS6', cell: ({ bindIp6 }) => bindIp6 || '-', wide: true },
    { title: 'PATH', cell: ({ path }) => pathText(colors, path) },
    { title: 'ENDPOINT', cell: ({ endpoint }) => endpoint || '-', yields: 3 },
    { title: 'LAST SEEN', cell: ({ lastSeenMs, reserved }) => (reserved ? '-' : formatAge(lastSeenMs, nowMs)) },
    { title: 'VERSION', cell: ({ version }) => version || '-', yields: 4 },
    { title: 'NETWORK', cell: ({ network }) => network, wide: true, yields: 2 },
    { title: 'LABELS', cell: ({ labels }) => labels.join(',') || '-', wide: true, yields: 5 },
    { title: 'ID', cell: ({ id }) => id, wide: true },
  ];
}

function stateDot(colors: Colors, state: NodeState): string {
  switch (STATES[state]) {
    case 'connected':
      return colors.green('●');
    case 'init':
      return colors.yellow('●');
    case 'idle':
      return colors.dim('○');
  }
}

function pathText(colors: Colors, path: PathKind): string {
  switch (PATHS[path]) {
    case 'direct':
      return colors.green('direct');
    case 'relay':
      return colors.yellow('relay');
    case 'none':
      return colors.dim('none');
  }
}

const byText = new Intl.Collator('en', { numeric: true }).compare;
