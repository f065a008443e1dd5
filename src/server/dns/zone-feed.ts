import type { ZoneChange, ZoneNetwork, ZoneNode, ZoneService } from '../../domain/zone-input.js';
import type { AddedRecord } from '../../domain/dns-records.js';
import { DnsNameRecord, NetworkRecord, NodeRecord, ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { kindOf, ROOT } from '../store/keys.js';
import type { AppliedRevision, LocalView } from '../store/local-view.js';
import type { StoreEvent } from '../store/store.js';

/** Everything the zone is made of now but nodes, which are looked up. */
export function* zoneOf(view: LocalView): Generator<ZoneChange> {
  const networks = view.networks().map(({ value }) => value);
  for (const network of networks) yield { kind: 'network', network: zoneNetwork(network) };
  for (const { name } of networks) {
    for (const { value } of view.servicesOf(name)) if (value.withheld === '') yield { kind: 'service', service: zoneService(value) };
  }
  for (const { value } of view.dnsNames()) yield { kind: 'records', source: value.name, records: addedRecords(value) };
}

/** What a revision changes in the zone; empty for one that shows in no name. */
export function zoneChangesOf(revision: AppliedRevision): ZoneChange[] {
  return revision.events.flatMap(changeOf);
}

function changeOf(event: StoreEvent): ZoneChange[] {
  const [, network = '', ...rest] = event.key.slice(ROOT.length).split('/');
  const id = rest.at(-1) ?? network;
  switch (kindOf(event.key)) {
    case 'network':
      return [event.value === undefined ? { kind: 'networkRemoved', name: id } : { kind: 'network', network: zoneNetwork(NetworkRecord.decode(event.value)) }];
    case 'node':
      return [event.value === undefined ? { kind: 'nodeRemoved', id } : { kind: 'node', node: zoneNode(NodeRecord.decode(event.value)) }];
    case 'service':
      return [serviceChange(event, network, id)];
    case 'dnsName':
      return [{ kind: 'records', source: id, records: event.value === undefined ? [] : addedRecords(DnsNameRecord.decode(event.value)) }];
    default:
      return [];
  }
}

function serviceChange(event: StoreEvent, network: string, id: string): ZoneChange {
  const record = event.value === undefined ? undefined : ServiceRecord.decode(event.value);
  return record === undefined || record.withheld !== '' ? { kind: 'serviceRemoved', network, id } : { kind: 'service', service: zoneService(record) };
}

function zoneNetwork({ name, cidr, cidr6 }: NetworkRecord): ZoneNetwork {
  return { name, cidr, cidr6 };
}

function zoneNode({ id, network, name, bindIp, bindIp6 }: NodeRecord): ZoneNode {
  return { id, network, name, bindIp, bindIp6 };
}

function zoneService(record: ServiceRecord): ZoneService {
  const { id, name, network, nodeId, address, port, protocol, weight, priority, channel, type, role, metadata, ttlSeconds } = record;
  return { id, name, network, nodeId, address, port, protocol, weight, priority, channel, type, role, metadata, ttlSeconds };
}

/** What admins added at one name, as the zone takes it. */
export function addedRecords({ name, records }: DnsNameRecord): AddedRecord[] {
  return records.map(({ id, type, value, ttlSeconds, network }) => ({ id, name, type, value, ttlSeconds, network }));
}
