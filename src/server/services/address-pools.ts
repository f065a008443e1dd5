import { AddressPlan, type HostAddresses } from '../../domain/address-plan.js';
import { parseCidr4, parseCidr6 } from '../../domain/cidr.js';
import { DomainError } from '../../domain/errors.js';
import { Pool } from '../../domain/pool.js';
import type { NetworkRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { keys, kindOf, prefixOf } from '../store/keys.js';
import type { AppliedRevision, LocalView, Repository } from '../store/local-view.js';

/** A network's numbering and which of its hosts are taken. */
interface NetworkPool {
  readonly plan: AddressPlan;
  readonly pool: Pool;
  /** Hosts that a decision has set aside and not yet committed. */
  readonly claimed: Set<number>;
}

/** An address that a decision has set aside. */
export interface Claim extends HostAddresses {
  readonly network: string;
  readonly host: number;
}

/**
 * The IP pool cache: a bitmap for each network, rebuilt from the address records at start and kept by the applied
 * revisions. It only proposes; the address record, made if absent, is what makes an address somebody's.
 */
export class AddressPools {
  readonly #repository: Repository;
  readonly #networks = new Map<string, NetworkPool>();

  constructor(repository: Repository) {
    this.#repository = repository;
    for (const network of repository.view.networks()) this.#load(network.value);
    repository.onApplied((revision) => this.#follow(revision));
  }

  /**
   * Sets the lowest free address aside.
   *
   * @returns undefined when the pool is full.
   * @throws DomainError `network_unknown`.
   */
  claimLowest(network: string): Claim | undefined {
    const { pool, claimed, plan } = this.#of(network);
    const host = pool.takeLowest();
    if (host < 0) return undefined;
    claimed.add(host);
    return { network, host, ...plan.addressesOf(host) };
  }

  /**
   * The claim for an address that is known to the store and about to change hands; nothing is set aside, the
   * compares of the transaction guard it.
   */
  claimOf(network: string, address: string): Claim {
    const { plan } = this.#of(network);
    const host = plan.hostOfStored(address);
    return { network, host, ...plan.addressesOf(host) };
  }

  /**
   * The claim for an address somebody asks for by name.
   *
   * @throws DomainError `invalid_argument` when it is not a node's to have in this network.
   */
  claimNamed(network: string, address: string, field: string): Claim {
    const { plan } = this.#of(network);
    const host = plan.hostOf(address, field);
    return { network, host, ...plan.addressesOf(host) };
  }

  /** Ends a claim, committed or not: from here on the store's word about the address counts. */
  settle(claim: Claim): void {
    const entry = this.#networks.get(claim.network);
    if (entry === undefined || !entry.claimed.delete(claim.host)) return;
    if (this.#repository.view.address(claim.network, claim.bindIp) === undefined) entry.pool.release(claim.host);
  }

  /** How many addresses of a network nodes can have. */
  capacity(network: string): number {
    return this.#of(network).plan.capacity;
  }

  #of(network: string): NetworkPool {
    const entry = this.#networks.get(network);
    if (entry === undefined) {
      const known = [...this.#networks.keys()].join(', ');
      throw new DomainError('network_unknown', `network: want one of ${known}, got ${JSON.stringify(network)}`);
    }
    return entry;
  }

  #load(record: NetworkRecord): void {
    const plan = planOf(record);
    const pool = new Pool(plan.size);
    for (const host of [0, plan.controllerHost, plan.size - 1]) pool.take(host);
    for (const addresses of this.#repository.view.addressesOf(record.name)) for (const address of addresses) pool.take(plan.hostOfStored(address));
    this.#networks.set(record.name, { plan, pool, claimed: new Set() });
  }

  #follow(revision: AppliedRevision): void {
    for (const event of revision.events) {
      const kind = kindOf(event.key);
      if (kind === 'network' && event.type === 'put') this.#followNetwork(event.key);
      if (kind === 'address') this.#followAddress(event.key, event.type === 'put');
    }
  }

  #followNetwork(key: string): void {
    const name = key.slice(prefixOf('network').length);
    const record = this.#repository.view.network(name);
    if (record !== undefined && !this.#networks.has(name)) this.#load(record.value);
  }

  #followAddress(key: string, taken: boolean): void {
    const [network, , address] = key.slice(prefixOf('address').length).split('/');
    const entry = this.#networks.get(network ?? '');
    if (entry === undefined || address === undefined || address.includes(':')) return;
    const host = entry.plan.hostOfStored(address);
    if (taken) entry.pool.take(host);
    else if (!entry.claimed.has(host) && host !== entry.plan.controllerHost) entry.pool.release(host);
  }
}

/** Addresses of a network: `total` is the sum of the others. */
export interface AddressUse {
  readonly total: number;
  readonly used: number;
  readonly free: number;
  /** Freed, not yet to be given out again. */
  readonly quarantined: number;
}

/** The numbering of a network as its record gives it. */
export function planOf({ cidr, cidr6 }: Pick<NetworkRecord, 'cidr' | 'cidr6'>): AddressPlan {
  return new AddressPlan(parseCidr4(cidr), cidr6 === '' ? undefined : parseCidr6(cidr6));
}

/** How full a network is, in IPv4 addresses; the controller's own counts on neither side. */
export function addressUse(view: LocalView, record: NetworkRecord): AddressUse {
  const { owned, quarantined } = view.addressCounts(record.name);
  const total = planOf(record).capacity;
  const used = owned - 1;
  return { total, used, free: total - used - quarantined, quarantined };
}

/** The network's record, or a refusal that names those there are. */
export function networkOf(view: LocalView, network: string): NetworkRecord {
  const record = view.network(network);
  if (record === undefined) {
    const known = view.networks().map((entry) => entry.value.name).join(', ');
    throw new DomainError('network_unknown', `network: want one of ${known}, got ${JSON.stringify(network)}`);
  }
  return record.value;
}

/** The store's key of a claim. */
export function addressKey(claim: Claim): string {
  return keys.address(claim.network, claim.bindIp);
}
