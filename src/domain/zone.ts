import { parentOf, parseDnsName, under, type DnsName } from './dns-name.js';
import type { ResourceRecord } from './dns-record.js';
import { checkRecord, exchangeOf, type AddedRecord } from './dns-records.js';
import { holderOf } from './held-names.js';
import { NameTree } from './name-tree.js';
import { NodeNames, type NodeLookup } from './node-names.js';
import type { ZoneChange, ZoneNetwork, ZoneNode, ZoneService } from './zone-input.js';
import { answerFrom, type QuestionType, type ZoneAnswer } from './zone-lookup.js';
import { apexRecord, networkNames, networkRecords, nodeRecords, serviceRecords, soaRecord } from './zone-records.js';

/**
 * The names of all networks, built from plain values and changed one node or service at a time.
 *
 * It holds the forward zone and the reverse zones of the networks, and knows every name in them: so it can tell a name
 * that does not exist from one that has no record of the type asked for. The server answers queries from it; an agent
 * fills one from its verified map and answers the same.
 *
 * @see RFC 1034 §4.3.2 for the algorithm, RFC 2308 and RFC 8020 for what is not there
 */
export class Zone {
  /** The forward zone, `nc.internal`. */
  readonly name: DnsName;
  readonly #nodeNames: NodeNames;
  readonly #lookup: NodeLookup | undefined;
  readonly #tree = new NameTree();
  readonly #apexes = new Map<DnsName, number>();
  readonly #networks = new Map<string, ZoneNetwork>();
  readonly #nodes = new Map<string, ZoneNode>();
  readonly #services = new Map<string, ZoneService>();
  /** Where the records of a service stand, by its key: its node may have changed since, where nodes are looked up. */
  readonly #placesOfService = new Map<string, readonly DnsName[]>();
  readonly #added = new Map<string, ResourceRecord>();
  /** Added records that lead to a name, by that name. */
  readonly #pointers = new Map<DnsName, Set<string>>();
  readonly #sources = new Map<string, readonly AddedRecord[]>();
  readonly #servicesOfNode = new Map<string, Set<string>>();
  #serial = 0;
  #version = 0;

  /**
   * @param zone   Name of the forward zone, `nc.internal`.
   * @param lookup Where its nodes are looked up. They are kept here when it is left out.
   * @throws DomainError `invalid_argument` when the name is none.
   */
  constructor(zone: string, lookup?: NodeLookup) {
    this.name = parseDnsName(zone, 'zone');
    this.#lookup = lookup;
    this.#nodeNames = new NodeNames(this.name, this.#tree);
    this.#tree.join(lookup ?? this.#nodeNames);
    this.#addApex(this.name);
    // An empty answer for svc must not become "nothing exists below svc" in somebody's cache: RFC 8020 §2.
    this.#tree.hold(under('svc', this.name));
  }

  /** Changes whenever any answer may have changed. */
  get version(): number {
    return this.#version;
  }

  /** The SOA's serial: the revision that the zone shows, modulo 2³². @see RFC 1982 */
  get serial(): number {
    return this.#serial;
  }

  /** How many names exist. */
  get size(): number {
    return this.#tree.size;
  }

  /** Says which revision the zone shows now. */
  setRevision(revision: bigint): void {
    this.#serial = Number(BigInt.asUintN(32, revision));
    this.#version++;
  }

  /**
   * Makes one change; the same change twice is one. That of a node which is looked up is there already; its services are told.
   *
   * @throws DomainError `invalid_argument` for values that no record can carry; nothing of the change is then shown.
   */
  apply(change: ZoneChange): void {
    this.#version++;
    switch (change.kind) {
      case 'network':
        return this.#putNetwork(change.network);
      case 'networkRemoved':
        return this.#removeNetwork(change.name);
      case 'node':
        return this.#putNode(change.node);
      case 'nodeRemoved':
        return this.#removeNode(change.id);
      case 'service':
        return this.#putService(change.service);
      case 'serviceRemoved':
        return this.#removeService(serviceKey(change));
      case 'record':
        return this.#putRecord(change.record);
      case 'recordRemoved':
        return this.#removeRecord(change.id);
      case 'records':
        return this.#replaceRecords(change.source, change.records);
    }
  }

  /**
   * The record as it would be shown, checked against the rules of the DNS and what stands at its name already.
   *
   * @throws DomainError `invalid_argument`, with the number of the rule that it breaks.
   */
  check(added: AddedRecord): ResourceRecord {
    return checkRecord(added, {
      apexOf: (name) => this.apexOf(name),
      typesAt: (name) => (this.#apexes.has(name) ? new Set([...this.#tree.types(name), 'SOA']) : this.#tree.types(name, `record ${added.id}`)),
      pointerTo: (name) => this.#pointerTo(name, added.id),
      holderOf: (name) => holderOf(name, this.name, this.#networks.keys()),
    });
  }

  #pointerTo(name: DnsName, except: string): DnsName | undefined {
    for (const id of this.#pointers.get(name) ?? []) if (id !== except) return this.#added.get(id)?.name;
    return undefined;
  }

  /** The apex of the zone that `name` belongs to; undefined for a name that is not ours. */
  apexOf(name: DnsName): DnsName | undefined {
    let candidate: DnsName | undefined = name;
    while (candidate !== undefined && !this.#apexes.has(candidate)) candidate = parentOf(candidate);
    return candidate;
  }

  /**
   * Answers a question.
   *
   * @returns undefined for a name outside of our zones.
   */
  lookup(name: DnsName, type: QuestionType): ZoneAnswer | undefined {
    return answerFrom({ tree: this.#tree, apexOf: (at) => this.apexOf(at), soaOf: (apex) => soaRecord(apex, this.name, this.#serial) }, name, type);
  }

  #putNetwork(network: ZoneNetwork): void {
    const { held, apexes } = networkNames(network, this.name);
    const records = networkRecords(network, this.name);
    this.#removeNetwork(network.name);
    this.#networks.set(network.name, network);
    this.#tree.hold(held);
    apexes.forEach((apex) => this.#addApex(apex));
    this.#place(`network ${network.name}`, records);
  }

  #removeNetwork(name: string): void {
    const network = this.#networks.get(name);
    if (network === undefined) return;
    this.#networks.delete(name);
    const { held, apexes } = networkNames(network, this.name);
    this.#tree.release(held);
    apexes.forEach((apex) => this.#removeApex(apex));
    this.#clear(`network ${name}`, networkRecords(network, this.name));
  }

  #putNode(node: ZoneNode): void {
    if (this.#lookup !== undefined) return this.#aroundServicesOf(node.id, () => {});
    const places = this.#nodeNames.placesOf(node);
    const records = places === undefined ? nodeRecords(node, this.name) : [];
    this.#aroundServicesOf(node.id, () => {
      this.#clearNode(node.id);
      this.#nodes.set(node.id, node);
      if (places === undefined) this.#place(`node ${node.id}`, records);
      else this.#nodeNames.add(node, places);
    });
  }

  #removeNode(id: string): void {
    this.#aroundServicesOf(id, () => {
      this.#clearNode(id);
      this.#nodes.delete(id);
    });
  }

  #clearNode(id: string): void {
    const node = this.#nodes.get(id);
    if (node === undefined) return;
    const places = this.#nodeNames.placesOf(node);
    if (places !== undefined) this.#nodeNames.remove(node, places);
    else this.#clear(`node ${id}`, nodeRecords(node, this.name));
  }

  #putService(service: ZoneService): void {
    const records = this.#recordsOfService(service);
    const key = serviceKey(service);
    this.#removeService(key);
    this.#services.set(key, service);
    const siblings = this.#servicesOfNode.get(service.nodeId) ?? new Set();
    this.#servicesOfNode.set(service.nodeId, siblings.add(key));
    this.#placeService(service, records);
  }

  #removeService(key: string): void {
    const service = this.#services.get(key);
    if (service === undefined) return;
    this.#clearService(service);
    this.#services.delete(key);
    const siblings = this.#servicesOfNode.get(service.nodeId);
    siblings?.delete(key);
    if (siblings?.size === 0) this.#servicesOfNode.delete(service.nodeId);
  }

  /** A node's services answer with its addresses, so they are taken out before a change of the node and put back after it. */
  #aroundServicesOf(nodeId: string, change: () => void): void {
    const keys = this.#servicesOfNode.get(nodeId);
    if (keys === undefined) return change();
    const services = [...keys].map((key) => this.#services.get(key)!);
    services.forEach((service) => this.#clearService(service));
    change();
    services.forEach((service) => this.#placeService(service, this.#recordsOfService(service)));
  }

  #placeService(service: ZoneService, records: readonly ResourceRecord[]): void {
    this.#placesOfService.set(serviceKey(service), [...new Set(records.map(({ name }) => name))]);
    this.#place(ownerOf(service), records);
  }

  #clearService(service: ZoneService): void {
    const key = serviceKey(service);
    this.#placesOfService.get(key)?.forEach((name) => this.#tree.remove(name, ownerOf(service)));
    this.#placesOfService.delete(key);
  }

  #putRecord(added: AddedRecord): void {
    const record = this.check(added);
    this.#removeRecord(added.id);
    this.#added.set(added.id, record);
    const target = exchangeOf(record.data);
    if (target !== undefined) this.#pointers.set(target, (this.#pointers.get(target) ?? new Set()).add(added.id));
    this.#place(`record ${added.id}`, [record]);
  }

  #replaceRecords(source: string, records: readonly AddedRecord[]): void {
    const before = this.#sources.get(source) ?? [];
    before.forEach(({ id }) => this.#removeRecord(id));
    try {
      records.forEach((record) => this.#putRecord(record));
    } catch (error) {
      records.forEach(({ id }) => this.#removeRecord(id));
      before.forEach((record) => this.#putRecord(record));
      throw error;
    }
    if (records.length === 0) this.#sources.delete(source);
    else this.#sources.set(source, records);
  }

  #removeRecord(id: string): void {
    const record = this.#added.get(id);
    if (record === undefined) return;
    this.#added.delete(id);
    const target = exchangeOf(record.data);
    if (target !== undefined) this.#removePointer(target, id);
    this.#tree.remove(record.name, `record ${id}`);
  }

  #removePointer(target: DnsName, id: string): void {
    const pointers = this.#pointers.get(target);
    pointers?.delete(id);
    if (pointers?.size === 0) this.#pointers.delete(target);
  }

  #recordsOfService(service: ZoneService): ResourceRecord[] {
    const node = this.#lookup === undefined ? this.#nodes.get(service.nodeId) : this.#lookup.byId(service.nodeId);
    return serviceRecords(service, node, this.name);
  }

  #place(owner: string, records: readonly ResourceRecord[]): void {
    for (const { name, ttlSeconds, data } of records) this.#tree.add(name, owner, ttlSeconds, data);
  }

  #clear(owner: string, records: readonly ResourceRecord[]): void {
    new Set(records.map((record) => record.name)).forEach((name) => this.#tree.remove(name, owner));
  }

  #addApex(apex: DnsName): void {
    const users = this.#apexes.get(apex) ?? 0;
    this.#apexes.set(apex, users + 1);
    if (users === 0) this.#place('apex', [apexRecord(apex, this.name)]);
  }

  #removeApex(apex: DnsName): void {
    const users = this.#apexes.get(apex) ?? 0;
    if (users > 1) return void this.#apexes.set(apex, users - 1);
    this.#apexes.delete(apex);
    this.#tree.remove(apex, 'apex');
  }
}

/** Networks are separate: an id of one says nothing of the same id in another. */
function serviceKey({ network, id }: { readonly network: string; readonly id: string }): string {
  return `${network}/${id}`;
}

function ownerOf(service: ZoneService): string {
  return `service ${serviceKey(service)}`;
}
