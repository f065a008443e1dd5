import type { MapChange } from '../../gen/networkcontroller/v1/node.js';
import { TrustBundle, type NetworkConfig } from '../../gen/networkcontroller/v1/types.js';
import { BundleRecord, CrlRecord, DnsNameRecord, NodeRecord, RelayRecord, ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { kindOf, ROOT } from '../store/keys.js';
import type { AppliedRevision } from '../store/local-view.js';
import type { StoreEvent } from '../store/store.js';
import { nameRecordsOf, networkChange, peerOf, relayOf, serviceOf } from './encoded.js';

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
 * @param describe The settings of all networks: each names the others.
 * @param networks The names of all networks, for what concerns every one.
 */
export function changesOf(
  revision: AppliedRevision,
  describe: () => readonly NetworkConfig[],
  networks: () => readonly string[],
): Map<string, NetworkChanges> {
  const byNetwork = new Map<string, NetworkChanges>();
  const of = (network: string): NetworkChanges => {
    const changes = byNetwork.get(network) ?? { shared: [], nodes: [] };
    byNetwork.set(network, changes);
    return changes;
  };
  for (const event of revision.events) {
    const kind = kindOf(event.key);
    if (kind === 'node') addNode(of(networkIn(event.key)), event);
    else if (kind === 'service') of(networkIn(event.key)).shared.push(serviceChange(event));
    else if (kind === 'relay') for (const change of relayChanges(event)) for (const network of networks()) of(network).shared.push(change);
    else if (kind === 'dnsName') for (const network of networks()) of(network).shared.push(namesChange(event, network));
    else if (kind === 'network') for (const network of describe()) of(network.name).shared.push(networkChange(network));
    else if (event.value === undefined) continue;
    else if (kind === 'crl' || kind === 'bundle') for (const network of networks()) of(network).shared.push(trustChange(kind, event.value));
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

/** One that was only invited is nobody yet. */
function relayChanges(event: StoreEvent): MapChange[] {
  if (event.value === undefined) return [{ change: { $case: 'relayRemoved', value: lastPart(event.key) } }];
  const record = RelayRecord.decode(event.value);
  return record.wgPublicKey.length === 0 ? [] : [{ change: { $case: 'relay', value: relayOf(record) } }];
}

function namesChange(event: StoreEvent, network: string): MapChange {
  const records = event.value === undefined ? [] : DnsNameRecord.decode(event.value).records;
  return { change: { $case: 'names', value: nameRecordsOf(lastPart(event.key), records, network) } };
}

function trustChange(kind: 'crl' | 'bundle', value: Uint8Array): MapChange {
  return kind === 'crl'
    ? { change: { $case: 'crl', value: CrlRecord.decode(value).der } }
    : { change: { $case: 'bundle', value: TrustBundle.decode(BundleRecord.decode(value).bundle) } };
}

/** The network part of `/nc/v1/<kind>/<network>/…`. */
function networkIn(key: string): string {
  return key.slice(ROOT.length).split('/')[1] ?? '';
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
