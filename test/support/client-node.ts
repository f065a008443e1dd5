import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startAgent, type AgentOptions, type RunningAgent } from '../../src/client/app.js';
import { parseClientConfig, type ClientConfig } from '../../src/platform/config/client-config.js';
import { joinNode } from '../../src/client/join.js';
import type { MembershipFacts } from '../../src/client/state/membership.js';
import { RecordedDevice } from '../../src/platform/wireguard/recorded-device.js';
import type { Controller } from './controller.js';
import { tmpDir } from './tmp-dir.js';

/** The configuration of a node with a folder of its own that carries no packets. */
export function clientConfig(change: Record<string, unknown> = {}): ClientConfig {
  const client = { stateDir: join(tmpDir(), 'state'), device: 'recorded', ...change };
  return parseClientConfig(JSON.stringify({ client }), 'test.yml');
}

/** A node that has joined, with its agent and what the agent did to the device. */
export interface TestNode {
  readonly config: ClientConfig;
  readonly facts: MembershipFacts;
  readonly device: RecordedDevice;
  readonly agent: RunningAgent;
}

/** Joins a node and runs its agent until the test is over. */
export async function startNode(controller: Controller, name: string, change: Record<string, unknown> = {}): Promise<TestNode> {
  const config = clientConfig({ name, ...change });
  const facts = await joinNode(config, await controller.joinString());
  return { config, facts, ...(await runAgent(config)) };
}

/** Runs the agent of a node that has joined until the test is over. */
export async function runAgent(config: ClientConfig, options: AgentOptions = {}): Promise<{ agent: RunningAgent; device: RecordedDevice }> {
  const device = new RecordedDevice(config.interfaceName);
  const agent = await startAgent(config, { device, ...options });
  onTestFinished(() => agent.stop());
  return { agent, device };
}
