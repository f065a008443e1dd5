import {
  NodeRecord,
  PresenceRecord,
  TokenRecord,
} from '../../../src/gen/networkcontroller/store/v1/records.js';
import { keys } from '../../../src/server/store/keys.js';
import { encodeRecord } from '../../../src/server/store/records.js';
import type { Operation } from '../../../src/server/store/store.js';

/** Puts a node; what `record` leaves out is empty. */
export function putNode(record: Parameters<typeof NodeRecord.fromPartial>[0] & { id: string }): Operation {
  const node = NodeRecord.fromPartial({ network: 'default', name: record.id, createdAtMs: 1_000, ...record });
  return { put: keys.node(node.network, node.id), value: encodeRecord('node', node) };
}

/** Puts what is known of a node's presence. */
export function putPresence(record: Parameters<typeof PresenceRecord.fromPartial>[0] & { nodeId: string }, network = 'default'): Operation {
  const presence = PresenceRecord.fromPartial(record);
  return { put: keys.presence(network, presence.nodeId), value: encodeRecord('presence', presence) };
}

/** Puts a bootstrap token. */
export function putToken(record: Parameters<typeof TokenRecord.fromPartial>[0] & { id: string }): Operation {
  const token = TokenRecord.fromPartial({ network: 'default', ...record });
  return { put: keys.token(token.id), value: encodeRecord('token', token) };
}
