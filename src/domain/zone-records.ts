import { parseCidr4, parseCidr6 } from './cidr.js';
import { reverseName, under, type DnsName } from './dns-name.js';
import type { RecordData, ResourceRecord } from './dns-record.js';
import { DomainError } from './errors.js';
import { formatIp4, formatIp6, type Ip4, type Ip6 } from './ip.js';
import { utf8Length } from './record-data.js';
import { reverseZones } from './reverse-zone.js';
import type { ZoneNetwork, ZoneNode, ZoneService } from './zone-input.js';

/** TTL of what hardly ever changes: apex, name server. */
const APEX_TTL_SECONDS = 3600;
const NODE_TTL_SECONDS = 60;
const SERVICE_TTL_SECONDS = 10;

/** The name of the name server within `zone`. */
export function nameServer(zone: DnsName): DnsName {
  return under('ns', zone);
}

/** The NS record of a zone's apex. */
export function apexRecord(apex: DnsName, zone: DnsName): ResourceRecord {
  return { name: apex, ttlSeconds: APEX_TTL_SECONDS, data: { type: 'NS', target: nameServer(zone) } };
}

/** The start of authority of `apex`. The zone answers for its own changes at once, so a negative answer is kept only seconds. */
export function soaRecord(apex: DnsName, zone: DnsName, serial: number): ResourceRecord {
  const times = { refreshSeconds: 3600, retrySeconds: 600, expireSeconds: 86_400, negativeSeconds: 5 };
  const data: RecordData = { type: 'SOA', primary: nameServer(zone), mailbox: under('hostmaster', zone), serial, ...times };
  return { name: apex, ttlSeconds: APEX_TTL_SECONDS, data };
}

/** The addresses of the name server in a network: its first host, which is the controller. */
export function networkRecords(network: ZoneNetwork, zone: DnsName): ResourceRecord[] {
  const address = formatIp4((parseCidr4(network.cidr).base + 1) as Ip4);
  const address6 = network.cidr6 === '' ? '' : formatIp6((parseCidr6(network.cidr6).base + 1n) as Ip6);
  return addressRecords(nameServer(zone), APEX_TTL_SECONDS, [address, address6]);
}

/** The names that exist for as long as the network does, and the reverse zones that it brings. */
export function networkNames(network: ZoneNetwork, zone: DnsName): { readonly held: DnsName; readonly apexes: DnsName[] } {
  return { held: under(network.name, zone), apexes: reverseZones(network.cidr, network.cidr6) };
}

/** `<node>.<network>.<zone>` forwards and back. */
export function nodeRecords(node: ZoneNode, zone: DnsName): ResourceRecord[] {
  const name = under(`${node.name}.${node.network}`, zone);
  const addresses = [node.bindIp, node.bindIp6].filter((address) => address !== '');
  const back = addresses.map((address): ResourceRecord => ({ name: reverseName(address), ttlSeconds: NODE_TTL_SECONDS, data: { type: 'PTR', target: name } }));
  return [...addressRecords(name, NODE_TTL_SECONDS, addresses), ...back];
}

/**
 * What one instance of a service adds: addresses under `<service>.svc`, and addresses, SRV and TXT under
 * `<instance>.<service>.<channel>.svc`, to which the SRV record of `_<service>._<protocol>.svc` points.
 *
 * @param node The node that offers it, if known. Without any address to answer there are no records at all.
 * @throws DomainError `invalid_argument` for a name or metadata that no record can carry.
 * @see RFC 2782, RFC 6763 §6 for the metadata
 */
export function serviceRecords(service: ZoneService, node: ZoneNode | undefined, zone: DnsName): ResourceRecord[] {
  const addresses = addressesOf(service, node);
  if (addresses.length === 0) return [];
  const { port, priority, weight } = service;
  const ttlSeconds = service.ttlSeconds || SERVICE_TTL_SECONDS;
  const instance = under(`${service.id}.${service.name}.${service.channel || 'stable'}.svc`, zone);
  const srv: RecordData = { type: 'SRV', priority, weight, port, target: instance };
  return [
    ...addressRecords(under(`${service.name}.svc`, zone), ttlSeconds, addresses),
    ...addressRecords(instance, ttlSeconds, addresses),
    { name: under(`_${service.name}._${service.protocol}.svc`, zone), ttlSeconds, data: srv },
    { name: instance, ttlSeconds, data: srv },
    { name: instance, ttlSeconds, data: { type: 'TXT', texts: textsOf(service) } },
  ];
}

function addressesOf(service: ZoneService, node: ZoneNode | undefined): string[] {
  const own = [service.address, service.address6 ?? ''].filter((address) => address !== '');
  return own.length > 0 ? own : [node?.bindIp ?? '', node?.bindIp6 ?? ''].filter((address) => address !== '');
}

function addressRecords(name: DnsName, ttlSeconds: number, addresses: readonly string[]): ResourceRecord[] {
  return addresses
    .filter((address) => address !== '')
    .map((address) => ({ name, ttlSeconds, data: { type: address.includes(':') ? 'AAAA' : 'A', address } }));
}

function textsOf(service: ZoneService): string[] {
  const pairs = { ...(service.type && { type: service.type }), ...(service.role && { role: service.role }), ...service.metadata };
  const texts = Object.entries(pairs).map(([key, value]) => `${key}=${value}`);
  const long = texts.find((text) => utf8Length(text) > 255);
  if (long !== undefined) {
    throw new DomainError('invalid_argument', `metadata: want at most 255 octets of "key=value" (RFC 6763 §6.1), got ${utf8Length(long)} for ${JSON.stringify(long.slice(0, 40))}`);
  }
  // A service that has nothing to say has one empty string: RFC 6763 §6.1.
  return texts.length > 0 ? texts : [''];
}
