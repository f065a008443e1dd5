import { DomainError } from '../../domain/errors.js';
import { parseNodeName } from '../../domain/names.js';
import { NodeRecord, OwnerRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Caller } from '../auth/caller.js';
import { keys } from '../store/keys.js';
import type { Committed, LocalView, Repository, Versioned } from '../store/local-view.js';
import { auditOperation } from './audit.js';
import { quarantineOf, removalOf } from './node-removal.js';
import { isNodeToken, nodeOfToken } from './node-tokens.js';
import type { PresenceBoard } from './presence.js';
import type { Revocations, RevokedSerial } from './revocations.js';

/** How a membership ends, as the audit log says it. */
export type RemovalMethod = 'UnRegister' | 'UnregisterNode' | 'RevokeNode' | 'SweepEphemeral';

/** Nodes after their registration: found, renamed, ended. */
export class Nodes {
  readonly #repository: Repository;
  readonly #presence: PresenceBoard;
  readonly #clock: Clock;
  readonly #quarantineMs: number;
  readonly #revocations: Revocations;

  constructor(deps: { repository: Repository; presence: PresenceBoard; revocations: Revocations; clock: Clock; quarantineMs: number }) {
    this.#repository = deps.repository;
    this.#presence = deps.presence;
    this.#clock = deps.clock;
    this.#quarantineMs = deps.quarantineMs;
    this.#revocations = deps.revocations;
  }

  /**
   * Finds a node by id, by its token, or by its name in `network`.
   *
   * @throws DomainError `node_unknown`.
   */
  find(target: string, network: string): NodeRecord {
    return findNode(this.#repository.view, target, network).value;
  }

  /**
   * Gives a node another name.
   *
   * @throws DomainError `node_unknown`, `node_reserved`, `name_taken`, `invalid_argument`.
   */
  async rename(target: string, network: string, newName: string, caller: Caller): Promise<Committed<NodeRecord>> {
    const name = parseNodeName(newName, 'name');
    return this.#repository.update((view) => {
      const node = requireMember(findNode(view, target, network));
      if (node.value.name === name) return { if: [], then: [], result: node.value };
      if (view.nameOwner(node.value.network, name) !== undefined) {
        throw new DomainError('name_taken', `name: ${name} is a node of network ${node.value.network} already; choose another name`);
      }
      const record: NodeRecord = { ...node.value, name };
      const nameKey = keys.name(record.network, name);
      const owner = OwnerRecord.encode({ nodeId: record.id, network: record.network }).finish();
      return {
        if: [{ key: node.key, modRev: node.modRev }, { key: nameKey, absent: true }],
        then: [
          { put: node.key, value: NodeRecord.encode(record).finish() },
          { put: nameKey, value: owner },
          { del: keys.name(record.network, node.value.name) },
          auditOperation(caller, { object: `node/${record.id}`, method: 'RenameNode', network: record.network, reason: name }, this.#clock.now()),
        ],
        result: record,
      };
    });
  }

  /**
   * Ends a node's membership: its record, name, services and certificates go, its address rests for a while, its
   * peers are told by the revision this makes. Revoked, its keys may not come back and its network certificate is on
   * the revocation list of the same revision.
   *
   * @throws DomainError `node_unknown`, `node_reserved`.
   */
  async remove(target: string, network: string, method: RemovalMethod, caller: Caller, reason = ''): Promise<Committed<NodeRecord>> {
    const committed = await this.#repository.update((view) => {
      const node = requireMember(findNode(view, target, network));
      const now = this.#clock.now();
      const revoked = method === 'RevokeNode';
      const removal = removalOf(view, node, now, { keepKey: revoked });
      const list = revoked ? this.#revocations.publication(view, networkSerials(view, node.value.id, now), now) : { if: [], then: [] };
      const { id, network: home } = node.value;
      return {
        if: [...removal.if, ...list.if],
        then: [
          ...removal.then,
          ...list.then,
          quarantineOf(node.value, now + this.#quarantineMs),
          auditOperation(caller, { object: `node/${id}`, method, network: home, reason }, now),
        ],
        result: node.value,
      };
    });
    this.#presence.forget(committed.result.id);
    return committed;
  }
}

/**
 * Finds a node by id, node token, or name within `network`.
 *
 * @throws DomainError `node_unknown`.
 */
export function findNode(view: LocalView, target: string, network: string): Versioned<NodeRecord> {
  if (isNodeToken(target)) return nodeOfToken(view, target);
  const node = view.nodeById(target) ?? view.nodeByName(network, target);
  if (node === undefined) {
    throw new DomainError('node_unknown', `node: want the id or name of a node of network ${network} (see "ncadm node list"), got ${JSON.stringify(target)}`);
  }
  return node;
}

function networkSerials(view: LocalView, nodeId: string, revokedAtMs: number): RevokedSerial[] {
  const own = view.certificatesOf('node', nodeId).filter(({ value }) => value.purpose === 'network');
  return own.map(({ value }) => ({ serial: value.serial, revokedAtMs }));
}

function requireMember(node: Versioned<NodeRecord>): Versioned<NodeRecord> {
  if (node.value.reserved) throw new DomainError('node_reserved', `node: ${node.value.name} is the controller's own row and stays`);
  return node;
}
