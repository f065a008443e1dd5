import { randomBytes } from 'node:crypto';
import { DomainError } from '../../domain/errors.js';
import { parseIp4, parseIp6 } from '../../domain/ip.js';
import { parseLabel } from '../../domain/names.js';
import { ServiceRecord, type NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Service } from '../../gen/networkcontroller/v1/types.js';
import { ownNodeOf, type Caller } from '../auth/caller.js';
import type { LocalView } from '../store/local-view.js';
import { networkOf } from './address-pools.js';
import { findNode } from './nodes.js';

/** The lease of an instance that its node registers without saying for how long. */
const DEFAULT_LEASE_SECONDS = 10;
const MAX_LEASE_SECONDS = 24 * 3600;
/** How long resolvers keep an answer; never longer than its lease lasts. */
const DEFAULT_TTL_SECONDS = 60;
const MAX_TTL_SECONDS = 7 * 24 * 3600;
const MAX_LABEL = 63;
const MAX_METADATA = 32;
const MAX_REASON = 200;

/** What a health check may say. */
const HEALTH = ['', 'passing', 'failing'] as const;

/**
 * Reads what somebody wants registered into a record, strictly; who registered it and since when is the caller's to add.
 *
 * @param wanted `nodeId` may be a node's id or name; without `id` the instance is `<service>-<node>`.
 * @throws DomainError `invalid_argument`, `network_unknown`, `node_unknown`, `permission_denied`.
 */
export function readService(view: LocalView, wanted: Service, caller: Caller): ServiceRecord {
  const network = networkOf(view, wanted.network || 'default').name;
  const name = serviceName(wanted.name);
  const node = wanted.nodeId === '' ? undefined : nodeIn(view, network, wanted.nodeId);
  if (node === undefined && wanted.address === '') {
    throw new DomainError('invalid_argument', 'service: want a node or an address, got neither');
  }
  const lease = leaseOf(wanted, node, caller);
  const longestTtl = Math.min(DEFAULT_TTL_SECONDS, lease.leaseSeconds || DEFAULT_TTL_SECONDS);
  return ServiceRecord.fromPartial({
    id: parseLabel(wanted.id || idOf(name, node), 'service.id'),
    network,
    name,
    nodeId: node?.id ?? '',
    address: addressOf(wanted.address, node, caller),
    port: inRange(wanted.port, 0, 65_535, 'service.port'),
    protocol: oneOf(wanted.protocol || 'tcp', ['tcp', 'udp'], 'service.protocol'),
    weight: inRange(wanted.weight, 0, 65_535, 'service.weight'),
    priority: inRange(wanted.priority, 0, 65_535, 'service.priority'),
    type: wanted.type === '' ? '' : parseLabel(wanted.type, 'service.type'),
    channel: oneOf(wanted.channel || 'stable', ['stable', 'beta', 'alpha'], 'service.channel'),
    role: wanted.role === '' ? '' : oneOf(wanted.role, ['primary', 'replica'], 'service.role'),
    metadata: metadataOf(wanted.metadata),
    ttlSeconds: inRange(wanted.ttlSeconds || longestTtl, 1, MAX_TTL_SECONDS, 'service.ttl_seconds'),
    ...lease,
    ...readHealth(wanted.health, wanted.healthReason),
  });
}

/**
 * Reads what a health check said.
 *
 * @throws DomainError `invalid_argument`.
 */
export function readHealth(health: string, reason: string): { health: string; healthReason: string } {
  oneOf(health, HEALTH, 'service.health');
  // It may come from the other end of a connection, and goes into tables and terminals.
  const printable = reason.replace(/[^\x20-\x7e]+/g, ' ').slice(0, MAX_REASON);
  return { health, healthReason: health === 'failing' ? printable : '' };
}

/** Why an instance is not answered, from what the record says; empty when it is. */
export function withheldBecause({ lapsedAtMs, leaseSeconds, health, healthReason }: ServiceRecord): string {
  if (lapsedAtMs > 0) return leaseSeconds > 0 ? `not renewed for ${leaseSeconds} s` : 'its node is not connected';
  if (health !== 'failing') return '';
  return healthReason === '' ? 'its health check fails' : `its health check fails: ${healthReason}`;
}

/** One label, and one more octet for the underscore of its SRV name. @see RFC 2782, RFC 1035 §2.3.4 */
function serviceName(text: string): string {
  const name = parseLabel(text, 'service.name');
  if (name.length < MAX_LABEL) return name;
  throw new DomainError('invalid_argument', `service.name: want at most ${MAX_LABEL - 1} characters, got ${name.length}`);
}

function idOf(name: string, node: NodeRecord | undefined): string {
  const place = node?.name ?? randomBytes(4).toString('hex');
  return `${name}-${place}`.slice(0, MAX_LABEL).replace(/-+$/, '');
}

function nodeIn(view: LocalView, network: string, target: string): NodeRecord {
  const node = findNode(view, target, network).value;
  if (node.network === network) return node;
  throw new DomainError('invalid_argument', `service.node: want a node of network ${network}, got ${node.name} of ${node.network}`);
}

/** What a node registers always has a lease: nobody else would take it out when the node is gone. */
function leaseOf(wanted: Service, node: NodeRecord | undefined, caller: Caller): { leaseSeconds: number; withNode: boolean } {
  const { withNode } = wanted;
  if (withNode && wanted.leaseSeconds > 0) {
    throw new DomainError('invalid_argument', 'service: want lease_seconds or with_node, got both');
  }
  if (withNode && node === undefined) throw new DomainError('invalid_argument', 'service.with_node: want a node to follow, got none');
  if (withNode) return { leaseSeconds: 0, withNode };
  const leaseSeconds = wanted.leaseSeconds === 0 && ownNodeOf(caller) !== undefined ? DEFAULT_LEASE_SECONDS : wanted.leaseSeconds;
  return { leaseSeconds: inRange(leaseSeconds, 0, MAX_LEASE_SECONDS, 'service.lease_seconds'), withNode };
}

/** A name that led elsewhere would let one node speak for another. */
function addressOf(text: string, node: NodeRecord | undefined, caller: Caller): string {
  if (text === '') return '';
  if (text.includes(':')) parseIp6(text, 'service.address');
  else parseIp4(text, 'service.address');
  if (ownNodeOf(caller) !== undefined && text !== node?.bindIp && text !== node?.bindIp6) {
    throw new DomainError('permission_denied', `service.address: a node offers its own addresses only, got ${text}`);
  }
  return text;
}

/** TXT strings hold "key=value" in 255 bytes. @see RFC 6763 §6.1, §6.4 */
function metadataOf(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(metadata);
  if (entries.length > MAX_METADATA) {
    throw new DomainError('invalid_argument', `service.metadata: want at most ${MAX_METADATA} entries, got ${entries.length}`);
  }
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
  const known = words.filter((word) => word !== '').join(' or ');
  throw new DomainError('invalid_argument', `${field}: want ${known}, got ${JSON.stringify(value.slice(0, 64))}`);
}
