import { DomainError } from '../domain/errors.js';
import { systemClock } from '../platform/clock.js';
import { silentLog } from '../platform/log.js';
import { callUnary } from '../platform/rpc-client.js';
import { chooseDevice } from '../platform/wireguard/choose-device.js';
import { formatWireGuardKey, parseWireGuardKey, wireGuardPublicKey } from '../platform/wireguard/keys.js';
import { withAgent } from './agent-client.js';
import { untilAgentGone } from './agent-process.js';
import type { ClientConfig } from '../platform/config/client-config.js';
import { restoreHostDns } from './host-dns/host-dns.js';
import { openNodeClient } from './node-session.js';
import { restoreReach } from './reach/reach.js';
import type { Membership } from './state/membership.js';
import type { StateFolder } from './state/state-folder.js';

const DEADLINE_MS = 5000;

/**
 * Ends the agent and waits until it is gone. Without one, takes away what an agent that was killed has left.
 *
 * @returns whether one was running.
 */
export async function endAgent(config: ClientConfig, state: StateFolder, keepInterface: boolean): Promise<boolean> {
  const ran = await askToStop(state, keepInterface);
  if (ran) await untilAgentGone(config, state);
  const membership = state.membership();
  restoreHostDns({ interfaceName: config.interfaceName, backupPath: state.resolvConfBackupPath });
  if (membership !== undefined && !keepInterface) await removeLeftovers(config, state, membership);
  return ran;
}

/**
 * Ends the membership at the controller, at any of its endpoints.
 *
 * @throws DomainError the controller's refusal; `unavailable` or `timeout` when none was reached. A node that is no member any more is none already.
 */
export async function unregisterNode(config: ClientConfig, state: StateFolder, membership: Membership): Promise<void> {
  const known = state.knownEndpoints();
  const endpoints = new Set([known.lastControl, ...known.control.flat(), ...membership.facts.controlEndpoints, ...config.serverAddr].filter((endpoint) => endpoint !== ''));
  let failure: unknown = new DomainError('unavailable', 'no controller is known');
  for (const endpoint of endpoints) {
    try {
      return await unregisterAt(endpoint, membership);
    } catch (error) {
      if (error instanceof DomainError && ['node_revoked', 'node_unknown'].includes(error.code)) return;
      failure = error;
    }
  }
  throw failure;
}

async function unregisterAt(endpoint: string, membership: Membership): Promise<void> {
  const client = openNodeClient(endpoint, membership);
  try {
    await callUnary(client, 'unRegister', { token: '' }, { deadlineMs: DEADLINE_MS });
  } finally {
    client.close();
  }
}

async function askToStop(state: StateFolder, keepInterface: boolean): Promise<boolean> {
  try {
    await withAgent(state.socketPath, (agent) => agent.stop(keepInterface));
    return true;
  } catch (error) {
    if (error instanceof DomainError && error.code === 'unavailable') return false;
    throw error;
  }
}

async function removeLeftovers(config: ClientConfig, state: StateFolder, { keys }: Membership): Promise<void> {
  const { device, interfaceName, stateDir } = config;
  if (device !== 'recorded') await restoreReach({ settings: config, backupPath: state.kernelSettingsBackupPath, clock: systemClock, log: silentLog });
  const publicKey = formatWireGuardKey(wireGuardPublicKey(parseWireGuardKey(keys.wireguard)));
  await chooseDevice(device, { interfaceName, folder: stateDir, publicKey, clock: systemClock, log: silentLog }).remove();
}
