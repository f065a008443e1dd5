import { parseDnsName, reverseName, type DnsName } from '../domain/dns-name.js';
import type { RecordData } from '../domain/dns-record.js';
import { DomainError } from '../domain/errors.js';
import type { ZoneAnswer } from '../domain/zone-lookup.js';
import { Zone } from '../domain/zone.js';
import type { ResolveRequest, ResolveResponse } from '../gen/networkcontroller/v1/agent.js';
import type { MapDelta } from '../gen/networkcontroller/v1/node.js';
import type { NameRecords, Peer, Service } from '../gen/networkcontroller/v1/types.js';
import type { Transport } from '../platform/dns/reply.js';
import { Responder, type Reply } from '../platform/dns/responder.js';
import type { NetworkMap } from './map-store.js';

/** The names of the network, answered from the map that this node holds: the controller need not be there. */
export class MapNames {
  #map: NetworkMap | undefined;
  #zone: Zone | undefined;
  #responder: Responder | undefined;

  /**
   * Answers from this map from now on.
   *
   * @param delta What alone is different from the map before; left out, it is another one.
   */
  show(map: NetworkMap, delta?: MapDelta): void {
    const before = this.#map;
    this.#map = map;
    if (this.#zone === undefined || (delta !== undefined && before?.network === map.network && follow(this.#zone, map, delta))) return;
    this.#zone = undefined;
    this.#responder = undefined;
  }

  /** Answers one DNS message; before the first map every name is outside of the zone. */
  answer(message: Uint8Array, transport: Transport): Reply {
    this.#responder ??= new Responder(this.#zoneNow());
    return this.#responder.answer(message, transport, true);
  }

  /**
   * Answers a name of the zone. A name without a dot is a node of this network; for PTR an address will do.
   *
   * @throws DomainError `invalid_argument` for what is no name, `unavailable` before the first map, `node_unknown` for a name outside of the zone.
   */
  resolve({ name, type }: ResolveRequest): ResolveResponse {
    const map = this.#map;
    if (map === undefined) throw new DomainError('unavailable', 'no map of the network has come yet');
    const zone = this.#zoneNow();
    const question = questionOf(name, type, map, zone);
    const answer = zone.lookup(question, type);
    if (answer === undefined) throw new DomainError('node_unknown', `${name}: want a name of the zone ${map.network.zone}`);
    return toResponse(answer, type);
  }

  /** Many maps may come before somebody asks for a name. */
  #zoneNow(): Zone {
    this.#zone ??= this.#map === undefined ? new Zone('invalid') : zoneOf(this.#map);
    return this.#zone;
  }
}

/** Makes the changes of nodes and services. @returns whether that is all there is to do; otherwise the zone is to be made anew. */
function follow(zone: Zone, map: NetworkMap, { changes }: MapDelta): boolean {
  const network = map.network.name;
  try {
    for (const { change } of changes) {
      if (change?.$case === 'peer') zone.apply(isRefused(map, change.value) ? { kind: 'nodeRemoved', id: change.value.nodeId } : { kind: 'node', node: zoneNode(change.value, network) });
      else if (change?.$case === 'peerRemoved') zone.apply({ kind: 'nodeRemoved', id: change.value });
      else if (change?.$case === 'service' && change.value.withheld === '') zone.apply({ kind: 'service', service: zoneService(change.value) });
      else if (change?.$case === 'service') zone.apply({ kind: 'serviceRemoved', network, id: change.value.id });
      else if (change?.$case === 'serviceRemoved') zone.apply({ kind: 'serviceRemoved', network, id: change.value });
      // Whether a name of the admins' can be shown depends on all others.
      else if (change?.$case !== 'relay' && change?.$case !== 'relayRemoved' && change?.$case !== 'controlEndpoints') return false;
    }
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return false;
  }
  zone.setRevision(map.revision);
  return true;
}

function isRefused({ refused }: NetworkMap, { nodeId }: Peer): boolean {
  return refused.some(({ peer }) => peer.nodeId === nodeId);
}

function zoneOf(map: NetworkMap): Zone {
  const { name, zone: zoneName, others } = map.network;
  const zone = new Zone(zoneName);
  zone.setRevision(map.revision);
  for (const network of [map.network, ...others]) zone.apply({ kind: 'network', network });
  for (const peer of [...(map.self === undefined ? [] : [map.self]), ...map.peers]) zone.apply({ kind: 'node', node: zoneNode(peer, name) });
  for (const service of map.services) if (service.withheld === '') zone.apply({ kind: 'service', service: zoneService(service) });
  for (const names of map.names) addNames(zone, names);
  return zone;
}

/** One name that this agent cannot take, as that of a newer controller may be, takes no other with it. */
function addNames(zone: Zone, { key, name, records }: NameRecords): void {
  try {
    zone.apply({ kind: 'records', source: key, records: records.map((record) => ({ ...record, name })) });
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
  }
}

function zoneNode({ nodeId, name, bindIp, bindIp6 }: Peer, network: string) {
  return { id: nodeId, network, name, bindIp, bindIp6 };
}

function zoneService(service: Service): Service {
  return service;
}

function questionOf(name: string, type: string, map: NetworkMap, zone: Zone): DnsName {
  if (type === 'PTR' && /^[\d.]+$|:/.test(name)) return reverseName(name);
  return parseDnsName(name.includes('.') ? name : `${name}.${map.network.name}.${zone.name}`);
}

function toResponse({ rcode, answers }: ZoneAnswer, type: string): ResolveResponse {
  const wanted = answers.filter(({ data }) => data.type === type || data.type === 'CNAME');
  return { rcode, answers: wanted.map(({ data }) => presented(data)), ttlSeconds: Math.min(...wanted.map(({ ttlSeconds }) => ttlSeconds), 0xffff_ffff) % 0xffff_ffff };
}

/** Record data as a zone file has it. @see RFC 1035 §5.1, RFC 2782 */
function presented(data: RecordData): string {
  switch (data.type) {
    case 'A':
    case 'AAAA':
      return data.address;
    case 'NS':
    case 'CNAME':
    case 'PTR':
      return `${data.target}.`;
    case 'MX':
      return `${data.preference} ${data.target}.`;
    case 'SRV':
      return `${data.priority} ${data.weight} ${data.port} ${data.target}.`;
    case 'TXT':
      return data.texts.map((text) => JSON.stringify(text)).join(' ');
    case 'CAA':
      return `${data.critical ? 128 : 0} ${data.tag} ${JSON.stringify(data.value)}`;
    case 'SOA':
      return [`${data.primary}.`, `${data.mailbox}.`, data.serial, data.refreshSeconds, data.retrySeconds, data.expireSeconds, data.negativeSeconds].join(' ');
  }
}
