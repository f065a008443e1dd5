import { randomBytes } from 'node:crypto';
import { formatCidr4, formatCidr6 } from '../../domain/cidr.js';
import { DomainError } from '../../domain/errors.js';
import { RESERVED_TOKEN } from '../../domain/node-token.js';
import { AddressRecord, NetworkRecord, NodeRecord, OwnerRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { NetworkSettings } from '../../platform/config/server-config.js';
import { keys } from '../store/keys.js';
import type { Decision, LocalView, Repository, Versioned } from '../store/local-view.js';
import { planOf } from './address-pools.js';

/** The name of the controller's own node in each network. */
export const CONTROLLER_NAME = 'controller';

/** What stands in place of a token's hash in the controller's own row; LiteKube's spelling. */
const RESERVED = Buffer.from(RESERVED_TOKEN);

/**
 * Makes the store's networks be as the configuration says: a new one is added with the controller's own row in it, changed
 * settings are taken over. A network that is not in the configuration any more stays.
 *
 * @throws DomainError `config_invalid` when a network would change its addresses, which would cut off its nodes.
 */
export async function reconcileNetworks(repository: Repository, wanted: readonly NetworkSettings[], clock: Clock, log: Log): Promise<void> {
  for (const settings of wanted) {
    const { result } = await repository.update((view) => decide(view, settings, clock.now()));
    if (result !== 'kept') log.info(result === 'added' ? 'network added' : 'network changed', { network: settings.name });
  }
}

function decide(view: LocalView, settings: NetworkSettings, nowMs: number): Decision<'kept' | 'added' | 'changed'> {
  const found = view.network(settings.name);
  if (found === undefined) return add(recordOf(settings, nowMs, ''), nowMs);
  const record = recordOf(settings, found.value.createdAtMs, found.value.gatewayNodeId);
  requireSameAddresses(found, record);
  const { mtu, interconnection } = found.value;
  if (record.mtu === mtu && record.interconnection === interconnection) return { if: [], then: [], result: 'kept' };
  return {
    if: [{ key: found.key, modRev: found.modRev }],
    then: [{ put: found.key, value: NetworkRecord.encode(record).finish() }],
    result: 'changed',
  };
}

/** A new network comes with its first host taken: by the controller, for good. */
function add(record: NetworkRecord, nowMs: number): Decision<'added'> {
  const plan = planOf(record);
  const own = plan.addressesOf(plan.controllerHost);
  const nodeId = randomBytes(8).toString('hex');
  const network = record.name;
  const node = NodeRecord.fromPartial({
    id: nodeId,
    network,
    name: CONTROLLER_NAME,
    ...own,
    tokenHash: RESERVED,
    createdAtMs: nowMs,
    staticAddress: true,
    reserved: true,
  });
  const key = keys.network(network);
  return {
    if: [{ key, absent: true }],
    then: [
      { put: key, value: NetworkRecord.encode(record).finish() },
      { put: keys.node(network, nodeId), value: NodeRecord.encode(node).finish() },
      { put: keys.name(network, CONTROLLER_NAME), value: OwnerRecord.encode({ nodeId, network }).finish() },
      { put: keys.address(network, own.bindIp), value: AddressRecord.encode(AddressRecord.fromPartial({ nodeId })).finish() },
    ],
    result: 'added',
  };
}

function requireSameAddresses(found: Versioned<NetworkRecord>, wanted: NetworkRecord): void {
  const { name, cidr, cidr6 } = found.value;
  if (cidr === wanted.cidr && cidr6 === wanted.cidr6) return;
  throw new DomainError(
    'config_invalid',
    `network ${name}: has the addresses ${[cidr, cidr6].filter(Boolean).join(' and ')}, the configuration says ${[wanted.cidr, wanted.cidr6].filter(Boolean).join(' and ')}; add a network of another name and let nodes join that`,
  );
}

function recordOf(settings: NetworkSettings, createdAtMs: number, gatewayNodeId: string): NetworkRecord {
  return {
    name: settings.name,
    cidr: formatCidr4(settings.cidr),
    cidr6: settings.cidr6 === undefined ? '' : formatCidr6(settings.cidr6),
    mtu: settings.mtu,
    interconnection: settings.interconnection,
    createdAtMs,
    gatewayNodeId,
  };
}
