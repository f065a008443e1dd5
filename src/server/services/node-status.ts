import { Node } from '../../gen/networkcontroller/v1/admin.js';
import { NodeState, type PathKind } from '../../gen/networkcontroller/v1/types.js';
import type { NodeRow } from '../store/local-view.js';
import { STATE, type PresenceBoard, type StateNumber } from './presence.js';
import type { Reports } from './reports.js';

/** What is known of nodes beyond their records. */
export interface LiveFacts {
  readonly presence: PresenceBoard;
  readonly reports: Reports;
  /** A node's authenticated source, "address:port". */
  endpointOf(nodeId: string): string | undefined;
}

/** A node as an admin sees it: the row with what this replica knows of the present. */
export function nodeStatus(row: NodeRow, live: LiveFacts): Node {
  const { record } = row;
  const here = live.presence.of(record.id);
  return Node.fromPartial({
    id: record.id,
    name: record.name,
    network: record.network,
    bindIp: record.bindIp,
    bindIp6: record.bindIp6,
    state: record.reserved ? NodeState.NODE_STATE_CONNECTED : stateOf(here?.state ?? row.state),
    endpoint: live.endpointOf(record.id) ?? here?.endpoint ?? row.endpoint,
    path: live.reports.pathOf(record.id) satisfies PathKind,
    lastSeenMs: here?.lastSeenMs ?? row.lastSeenMs,
    version: here?.version ?? row.version,
    createdAtMs: record.createdAtMs,
    wgPublicKey: record.wgPublicKey,
    labels: record.labels,
    tokenId: record.tokenId,
    appliedRevision: live.reports.appliedRevision(record.id),
    reserved: record.reserved,
    certificateExpiresAtMs: record.certificateExpiresAtMs,
    staticAddress: record.staticAddress,
    ephemeral: record.ephemeral,
  });
}

/** LiteKube's number as the wire's word. */
export function stateOf(state: number): NodeState {
  switch (state) {
    case STATE.connected:
      return NodeState.NODE_STATE_CONNECTED;
    case STATE.init:
      return NodeState.NODE_STATE_INIT;
    default:
      return NodeState.NODE_STATE_IDLE;
  }
}

/** The wire's word as LiteKube's number; undefined for "any". */
export function stateNumber(state: NodeState): StateNumber | undefined {
  switch (state) {
    case NodeState.NODE_STATE_UNSPECIFIED:
      return undefined;
    case NodeState.NODE_STATE_IDLE:
      return STATE.idle;
    case NodeState.NODE_STATE_INIT:
      return STATE.init;
    case NodeState.NODE_STATE_CONNECTED:
      return STATE.connected;
  }
}
