import { DomainError } from '../../domain/errors.js';
import { ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { ServiceState } from '../../gen/networkcontroller/v1/node.js';
import type { Service } from '../../gen/networkcontroller/v1/types.js';
import type { Clock } from '../../platform/clock.js';
import { actorOf, ownNodeOf, type Caller } from '../auth/caller.js';
import { serviceOf } from '../feed/encoded.js';
import { keys } from '../store/keys.js';
import type { Committed, Decision, LocalView, Page, Repository, ServiceRowFilter } from '../store/local-view.js';
import { auditOperation } from './audit.js';
import type { ServiceLeases } from './service-leases.js';
import { readHealth, readService, withheldBecause } from './service-record.js';

/** They go with their node, in one transaction. */
const PER_NODE = 64;

/** Who registers the services of server.yml. */
export const STATIC_OWNER = 'server.yml';

/** Bootstrap services: what runs where, for how long, and whether it is well. */
export class ServiceRegistry {
  readonly #repository: Repository;
  readonly #leases: ServiceLeases;
  readonly #isHere: (nodeId: string) => boolean;
  readonly #counter: string;
  readonly #clock: Clock;

  /** @param deps `counter` is the id of this server, where there are others. */
  constructor(deps: { repository: Repository; leases: ServiceLeases; isHere: (nodeId: string) => boolean; counter?: string; clock: Clock }) {
    this.#repository = deps.repository;
    this.#leases = deps.leases;
    this.#isHere = deps.isHere;
    this.#counter = deps.counter ?? '';
    this.#clock = deps.clock;
  }

  /**
   * Registers an instance, or replaces the one with the same id, and lets its lease begin. What is registered already as it is
   * wanted is renewed without a write.
   *
   * @param wanted `nodeId` may be a node's id or name; without `id` the instance is `<service>-<node>`.
   * @throws DomainError `invalid_argument`, `network_unknown`, `node_unknown`, `permission_denied`.
   */
  async add(wanted: Service, caller: Caller): Promise<Committed<ServiceRecord>> {
    const committed = await this.#repository.update((view) => this.#registration(view, wanted, caller));
    const { network, id, health, healthReason } = committed.result;
    this.#leases.renew(network, id, { health, healthReason });
    return committed;
  }

  /**
   * Renews leases and takes how healthy the instances are. Nothing is written but what goes out or comes back by it.
   *
   * @returns The ids that are not registered, or are another node's: to be registered again, or to be told why not.
   * @throws DomainError `invalid_argument`; then none is renewed.
   */
  async renew(network: string, states: readonly ServiceState[], caller: Caller): Promise<readonly string[]> {
    const read = states.map(({ id, health, healthReason }) => ({ id, ...readHealth(health, healthReason) }));
    const own = ({ id }: { readonly id: string }): boolean => isOwn(this.#leases.ownerOf(network, id), caller);
    const known = read.filter(own);
    for (const { id, health, healthReason } of known) this.#leases.renew(network, id, { health, healthReason });
    await this.#leases.settle(network, known.map(({ id }) => id));
    return read.filter((state) => !own(state)).map(({ id }) => id);
  }

  /**
   * Takes away one instance by id, or all instances of a name when `target` is a name.
   *
   * @throws DomainError `service_unknown`, `permission_denied`.
   */
  async remove(target: string, network: string, caller: Caller): Promise<Committed<readonly ServiceRecord[]>> {
    return this.#repository.update((view) => {
      const byId = view.service(network, target);
      const found = byId === undefined ? [...view.servicesOf(network, target)] : [byId];
      if (found.length === 0) {
        throw new DomainError('service_unknown', `service: want an id or name from "ncadm service list", got ${JSON.stringify(target)}`);
      }
      for (const { value } of found) requireChangeable(value, caller);
      const audit = auditOperation(caller, { object: `service/${target}`, method: 'RemoveService', network }, this.#clock.now());
      return {
        if: found.map((service) => ({ key: service.key, modRev: service.modRev })),
        then: [...found.map((service) => ({ del: service.key })), audit],
        result: found.map((service) => service.value),
      };
    });
  }

  /** Instances by network, name and id, one page of them. */
  list(filter: ServiceRowFilter, pageToken: string, limit: number): Page<Service> {
    const { items, next } = this.#repository.view.pageServices(filter, pageToken, limit);
    return { items: items.map(({ value }) => this.show(value)), next };
  }

  /** An instance as it is shown to admins and nodes, with what is left of its lease. */
  show(record: ServiceRecord): Service {
    return { ...serviceOf(record), leaseLeftMs: this.#leases.leftMs(record.network, record.id) };
  }

  #registration(view: LocalView, wanted: Service, caller: Caller): Decision<ServiceRecord> {
    const read = readService(view, wanted, caller);
    const before = view.service(read.network, read.id);
    if (before !== undefined) requireSame(before.value, read, caller);
    else if (read.nodeId !== '') requireRoom(view, read.nodeId);
    const now = this.#clock.now();
    const record = complete(read, before?.value, { owner: actorOf(caller), lapsed: read.withNode && !this.#isHere(read.nodeId), counter: this.#counter, now });
    if (before !== undefined && isEqual(before.value, record)) return { if: [], then: [], result: before.value };
    const key = keys.service(record.network, record.name, record.id);
    const audit = { object: `service/${record.name}/${record.id}`, method: 'AddService', network: record.network };
    return {
      if: [before === undefined ? { key, absent: true } : { key, modRev: before.modRev }],
      then: [{ put: key, value: ServiceRecord.encode(record).finish() }, auditOperation(caller, audit, now)],
      result: record,
    };
  }
}

/** Adds to what was asked for who asked, since when, and whether it is answered. */
function complete(read: ServiceRecord, before: ServiceRecord | undefined, facts: { readonly owner: string; readonly lapsed: boolean; readonly counter: string; readonly now: number }): ServiceRecord {
  const { owner, lapsed, counter, now } = facts;
  const countedBy = read.nodeId === '' && read.leaseSeconds > 0 ? (before?.countedBy ?? counter) : '';
  const record = { ...read, owner, countedBy, createdAtMs: before?.createdAtMs ?? now, lapsedAtMs: lapsed ? before?.lapsedAtMs || now : 0 };
  const withheld = withheldBecause(record);
  return { ...record, withheld, sinceMs: before?.withheld === withheld ? before.sinceMs : now };
}

/** An id belongs to one instance of one service. */
function requireSame(before: ServiceRecord, wanted: ServiceRecord, caller: Caller): void {
  requireChangeable(before, caller);
  requireOwner(wanted, caller);
  if (before.name === wanted.name) return;
  throw new DomainError('invalid_argument', `service.id: ${wanted.id} is an instance of ${before.name} already; choose another id`);
}

function requireChangeable(service: ServiceRecord, caller: Caller): void {
  requireOwner(service, caller);
  if (service.owner !== STATIC_OWNER) return;
  throw new DomainError('permission_denied', `service: ${service.id} stands in server.yml; change it there and start the server again`);
}

/** A node speaks only for itself; admins for all. @param nodeId Of an instance; undefined for one that is not there. */
function isOwn(nodeId: string | undefined, caller: Caller): boolean {
  const own = ownNodeOf(caller);
  return nodeId !== undefined && (own === undefined || nodeId === own);
}

function requireOwner({ id, nodeId }: { readonly id: string; readonly nodeId: string }, caller: Caller): void {
  if (isOwn(nodeId, caller)) return;
  throw new DomainError('permission_denied', `service: ${id} belongs to another node`);
}

function requireRoom(view: LocalView, nodeId: string): void {
  if (view.servicesOfNode(nodeId).length >= PER_NODE) {
    throw new DomainError('invalid_argument', `service: want at most ${PER_NODE} instances on one node; remove one first`);
  }
}

/** The same in everything, however the metadata is ordered. */
function isEqual(a: ServiceRecord, b: ServiceRecord): boolean {
  const bytes = (record: ServiceRecord): Buffer => Buffer.from(ServiceRecord.encode({ ...record, metadata: sorted(record.metadata) }).finish());
  return bytes(a).equals(bytes(b));
}

function sorted(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
