import type { AddressPlan } from '../../domain/address-plan.js';
import type { Cidr4 } from '../../domain/cidr.js';
import type { DnsName } from '../../domain/dns-name.js';
import type { ResourceRecord } from '../../domain/dns-record.js';
import { formatIp4 } from '../../domain/ip.js';
import type { NodeLookup } from '../../domain/node-names.js';
import { reverseRange4, reverseRange6 } from '../../domain/reverse-range.js';
import type { ZoneNode } from '../../domain/zone-input.js';
import { nodeRecords } from '../../domain/zone-records.js';
import type { StoredNodes } from '../store/stored-nodes.js';

/** Numberings of networks, by name. */
export type NetworkPlans = ReadonlyMap<string, AddressPlan>;

/** Addresses of one network. */
interface Place {
  readonly network: string;
  readonly range: Cidr4;
}

/**
 * The names of nodes, forwards and back, looked up in the store: a zone of a million nodes is there at once and takes no memory.
 * Whatever is in a network's store is shown: its names and addresses are plain labels.
 */
export class StoredNodeNames implements NodeLookup {
  readonly #nodes: StoredNodes;
  readonly #suffix: string;
  readonly #zone: DnsName;
  readonly #networks: NetworkPlans;

  /** @param networks Those whose nodes are shown; may change at any time. */
  constructor(nodes: StoredNodes, zone: DnsName, networks: NetworkPlans) {
    this.#nodes = nodes;
    this.#zone = zone;
    this.#suffix = `.${zone}`;
    this.#networks = networks;
  }

  /** Each node has a name and one an address; the controller is a node of each network. */
  get size(): number {
    let names = 0;
    for (const [network, plan] of this.#networks) names += (this.#nodes.count(network) + 1) * (plan.addressesOf(plan.controllerHost).bindIp6 === '' ? 2 : 3);
    return names;
  }

  byId(id: string): ZoneNode | undefined {
    const node = this.#nodes.byId(id);
    return node !== undefined && this.#networks.has(node.network) ? node : undefined;
  }

  has(name: DnsName): boolean {
    return this.#named(name) !== undefined || this.#places(name).some(({ network, range }) => (range.size === 1 ? this.#at(network, range) !== undefined : this.#nodes.holdsAddressIn(network, range)));
  }

  records(name: DnsName): ResourceRecord[] {
    const named = this.#named(name);
    const nodes = named === undefined ? this.#places(name).flatMap(({ network, range }) => (range.size === 1 ? (this.#at(network, range) ?? []) : [])) : [named];
    return nodes.flatMap((node) => nodeRecords(node, this.#zone)).filter((record) => record.name === name);
  }

  #named(name: DnsName): ZoneNode | undefined {
    if (!name.endsWith(this.#suffix)) return undefined;
    const [node = '', network, ...more] = name.slice(0, name.length - this.#suffix.length).split('.');
    return network !== undefined && more.length === 0 && this.#networks.has(network) ? this.#nodes.byName(network, node) : undefined;
  }

  /** Where the addresses below a name are. */
  #places(name: DnsName): Place[] {
    const range4 = reverseRange4(name);
    const range6 = range4 === undefined ? reverseRange6(name) : undefined;
    if (range4 === undefined && range6 === undefined) return [];
    return [...this.#networks].flatMap(([network, plan]) => {
      const range = range4 === undefined ? plan.within6(range6!) : plan.within4(range4);
      return range === undefined ? [] : [{ network, range }];
    });
  }

  #at(network: string, { base }: Cidr4): ZoneNode | undefined {
    return this.#nodes.byAddress(network, formatIp4(base));
  }
}
