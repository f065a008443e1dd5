import { randomBytes } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { parseIp4, parseIp6 } from '../../domain/ip.js';
import { parseLabel } from '../../domain/names.js';
import type { Service } from '../../gen/networkcontroller/v1/types.js';
import { ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { actorOf, type Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Committed, LocalView, Repository, Versioned } from '../store/local-view.js';
import { networkOf } from './address-pools.js';
import { auditOperation } from './audit.js';
import { findNode } from './nodes.js';

const DEFAULT_TTL_SECONDS = 60;
const MAX_TTL_SECONDS = 7 * 24 * 3600;
const PER_NODE = 64;

/** Bootstrap services: what runs where, answered as names. */
export class ServiceRegistry {
  readonly #repository: Repository;
  readonly #clock: Clock;

  constructor(deps: { repository: Repository; clock: Clock }) {
    this.#repository = deps.repository;
    this.#clock = deps.clock;
  }

  /**
   * Registers an instance, or replaces the one with the same id.
   *
   * @param wanted `nodeId` may be a node's id or name; without `id` the instance is `<service>-<node>`.
   * @throws DomainError `invalid_argument`, `network_unknown`, `node_unknown`, `permission_denied`.
   */
  async add(wanted: Service, caller: Caller): Promise<Committed<ServiceRecord>> {
    return this.#repository.update((view) => {
      const now = this.#clock.now();
      const record = recordOf(view, wanted, caller, now);
      const key = keys.service(record.network, record.name, record.id);
      const before = view.service(record.network, record.id);
      if (before !== undefined) requireSame(before, record, caller);
      else if (record.nodeId !== '') requireRoom(view, record.nodeId);
      return {
        if: [before === undefined ? { key, absent: true } : { key, modRev: before.modRev }],
        then: [
          { put: key, value: ServiceRecord.encode(record).finish() },
          auditOperation(caller, { object: `service/${record.name}/${record.id}`, method: 'AddService', network: record.network }, now),
        ],
        result: record,
      };
    });
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
      for (const service of found) requireOwner(service, service.value, caller);
      const audit = auditOperation(caller, { object: `service/${target}`, method: 'RemoveService', network }, this.#clock.now());
      return {
        if: found.map((service) => ({ key: service.key, modRev: service.modRev })),
        then: [...found.map((service) => ({ del: service.key })), audit],
        result: found.map((service) => service.value),
      };
    });
  }
}

/** Reads what was asked for into a record, strictly. */
function recordOf(view: LocalView, wanted: Service, caller: Caller, now: number): ServiceRecord {
  const network = networkOf(view, wanted.network || 'default').name;
  const name = parseLabel(wanted.name, 'service.name');
  const node = wanted.nodeId === '' ? undefined : findNode(view, wanted.nodeId, network).value;
  if (node !== undefined && node.network !== network) {
    throw new DomainError('invalid_argument', `service.node: want a node of network ${network}, got ${node.name} of ${node.network}`);
  }
  if (node === undefined && wanted.address === '') {
    throw new DomainError('invalid_argument', 'service: want a node or an address, got neither');
  }
  return ServiceRecord.fromPartial({
    id: parseLabel(wanted.id || `${name}-${node?.name ?? randomBytes(4).toString('hex')}`, 'service.id'),
    network,
    name,
    nodeId: node?.id ?? '',
    address: addressOf(wanted.address),
    port: inRange(wanted.port, 0, 65_535, 'service.port'),
    protocol: oneOf(wanted.protocol || 'tcp', ['tcp', 'udp'], 'service.protocol'),
    weight: inRange(wanted.weight, 0, 65_535, 'service.weight'),
    priority: inRange(wanted.priority, 0, 65_535, 'service.priority'),
    type: wanted.type === '' ? '' : parseLabel(wanted.type, 'service.type'),
    channel: oneOf(wanted.channel || 'stable', ['stable', 'beta', 'alpha'], 'service.channel'),
    role: wanted.role === '' ? '' : oneOf(wanted.role, ['primary', 'replica'], 'service.role'),
    metadata: metadataOf(wanted.metadata),
    ttlSeconds: inRange(wanted.ttlSeconds || DEFAULT_TTL_SECONDS, 1, MAX_TTL_SECONDS, 'service.ttl_seconds'),
    createdAtMs: now,
    owner: actorOf(caller),
  });
}

/** An id belongs to one instance of one service. */
function requireSame(before: Versioned<ServiceRecord>, wanted: ServiceRecord, caller: Caller): void {
  requireOwner(before, wanted, caller);
  if (before.value.name === wanted.name) return;
  throw new DomainError('invalid_argument', `service.id: ${wanted.id} is an instance of ${before.value.name} already; choose another id`);
}

/** A node speaks only for itself; admins for all. */
function requireOwner(service: Versioned<ServiceRecord>, wanted: ServiceRecord, caller: Caller): void {
  if (caller.kind !== 'node') return;
  if (service.value.nodeId === caller.nodeId && wanted.nodeId === caller.nodeId) return;
  throw new DomainError('permission_denied', `service: ${service.value.name}/${service.value.id} belongs to another node`);
}

function requireRoom(view: LocalView, nodeId: string): void {
  if (view.servicesOfNode(nodeId).length >= PER_NODE) {
    throw new DomainError('invalid_argument', `service: want at most ${PER_NODE} instances on one node; remove one first`);
  }
}

function addressOf(text: string): string {
  if (text === '') return '';
  if (text.includes(':')) parseIp6(text, 'service.address');
  else parseIp4(text, 'service.address');
  return text;
}

/** TXT strings hold "key=value" in 255 bytes. @see RFC 6763 §6.1 */
function metadataOf(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata);
  if (entries.length > 32) throw new DomainError('invalid_argument', `service.metadata: want at most 32 entries, got ${entries.length}`);
  for (const [key, value] of entries) {
    if (!/^[\x21-\x3c\x3e-\x7e]{1,64}$/.test(key) || Buffer.byteLength(`${key}=${value}`) > 255) {
      throw new DomainError('invalid_argument', `service.metadata: want "key=value" of at most 255 bytes with a printable key, got key ${JSON.stringify(key.slice(0, 64))}`);
    }
  }
  return Object.fromEntries(entries);
}

function inRange(value: number, low: number, high: number, field: string): number {
  if (value >= low && value <= high) return value;
  throw new DomainError('invalid_argument', `${field}: want ${low} to ${high}, got ${value}`);
}

function oneOf(value: string, words: readonly string[], field: string): string {
  if (words.includes(value)) return value;
  throw new DomainError('invalid_argument', `${field}: want ${words.join(' or ')}, got ${JSON.stringify(value.slice(0, 64))}`);
}
