import type { MapChange } from '../../gen/networkcontroller/v1/node.js';
import type { NetworkConfig } from '../../gen/networkcontroller/v1/types.js';
import { NetworkRecord, NodeRecord, ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { kindOf, ROOT } from '../store/keys.js';
import type { AppliedRevision } from '../store/local-view.js';
import type { StoreEvent } from '../store/store.js';
import { networkChange, peerOf, serviceOf } from './encoded.js';

/** What a revision means for the map of one network. */
export interface NetworkChanges {
  /** For everybody in the network. */
  readonly shared: MapChange[];
  /** About nodes; in a network without interconnection only the node itself hears them. */
  readonly nodes: { readonly nodeId: string; readonly change: MapChange; readonly record: NodeRecord | undefined }[];
}

/**
 * Sorts a revision's events by network and turns them into changes of the map.
 *
 * @param describe The wire form of a network's settings.
 */
export function changesOf(revision: AppliedRevision, describe: (record: NetworkRecord) => NetworkConfig): Map<string, NetworkChanges> {
  const byNetwork = new Map<string, NetworkChanges>();
  for (const event of revision.events) {
    const kind = kindOf(event.key);
    if (kind !== 'node' && kind !== 'service' && kind !== 'network') continue;
    const network = networkIn(event.key);
    const changes = byNetwork.get(network) ?? { shared: [], nodes: [] };
    byNetwork.set(network, changes);
    if (kind === 'node') addNode(changes, event);
    else if (kind === 'service') changes.shared.push(serviceChange(event));
    else if (event.value !== undefined) changes.shared.push(networkChange(describe(NetworkRecord.decode(event.value))));
  }
  return byNetwork;
}

function addNode(changes: NetworkChanges, event: StoreEvent): void {
  const nodeId = lastPart(event.key);
  if (event.value === undefined) {
    changes.nodes.push({ nodeId, change: { change: { $case: 'peerRemoved', value: nodeId } }, record: undefined });
    return;
  }
  const record = NodeRecord.decode(event.value);
  if (record.reserved) return;
  changes.nodes.push({ nodeId, change: { change: { $case: 'peer', value: peerOf(record) } }, record });
}

function serviceChange(event: StoreEvent): MapChange {
  return event.value === undefined
    ? { change: { $case: 'serviceRemoved', value: lastPart(event.key) } }
    : { change: { $case: 'service', value: serviceOf(ServiceRecord.decode(event.value)) } };
}

/** The network part of `/nc/v1/<kind>/<network>/…`. */
function networkIn(key: string): string {
  return key.slice(ROOT.length).split('/')[1] ?? '';
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
