import { existsSync } from 'node:fs';
import { lookup, Resolver } from 'node:dns/promises';
import { createConnection } from 'node:net';
import type { AgentServiceGetStatusResponse } from '../../gen/networkcontroller/v1/agent.js';
import { DomainError, type ErrorCode } from '../../domain/errors.js';
import { parseHostPort } from '../../domain/host-port.js';
import type { Clock } from '../../platform/clock.js';
import type { ClientConfig } from '../../platform/config/client-config.js';
import { callUnary } from '../../platform/rpc-client.js';
import { run, type RunOutput } from '../../platform/run.js';
import { readInterface, readOtherRoutes, type InterfaceState } from '../../platform/wireguard/network-interface.js';
import type { SystemRoute } from '../../platform/wireguard/overlap.js';
import { openJoinedState, withAgent } from '../agent-client.js';
import { openNodeClient } from '../node-session.js';
import { resolveEndpoints } from '../resolve-endpoints.js';
import type { Membership } from '../state/membership.js';
import { seenBy } from '../symmetric-nat.js';
import { contactController } from './contact.js';

/** What a bootstrap listener answered. */
export interface Contact {
  readonly endpoint: string;
  /** How far it went. */
  readonly reached: 'nothing' | 'tcp' | 'tls';
  /** Why it went no further, or why its certificate is not believed; empty when all is well. */
  readonly problem: string;
  /** How far this machine's clock is ahead of the controller's, ms; undefined when it did not tell. */
  readonly aheadMs: number | undefined;
}

/** Everything that the doctor does to this machine and its network: only looking. A test brings its own. */
export interface Machine {
  /** @throws DomainError when no agent answers. */
  agentStatus(config: ClientConfig): Promise<AgentServiceGetStatusResponse>;
  contact(endpoint: string, membership: Membership, clock: Clock): Promise<Contact>;
  /** Asks a control listener as this node; the code of its refusal, or undefined. */
  controlRefusal(endpoint: string, membership: Membership): Promise<{ readonly code: ErrorCode; readonly message: string } | undefined>;
  /** Why no TCP connection can be made, or undefined. */
  tcpProblem(endpoint: string): Promise<string | undefined>;
  /** The endpoint as which a UDP endpoint sees us; undefined without an answer. */
  seenBy(endpoint: string): Promise<string | undefined>;
  /** `host:port` as IP literals. */
  resolveEndpoints(endpoints: readonly string[]): Promise<string[]>;
  /** @throws RunError */
  run(command: string, args: readonly string[]): Promise<RunOutput>;
  exists(path: string): boolean;
  readInterface(name: string): Promise<InterfaceState | undefined>;
  readOtherRoutes(name: string): Promise<SystemRoute[]>;
  /** The addresses that one name server gives; why not as an error. */
  askServer(server: string, name: string): Promise<readonly string[]>;
  /** The address that this machine's resolver gives. */
  lookup(name: string): Promise<string>;
}

const CONNECT_MS = 4_000;
const ANSWER_MS = 6_000;
const DNS = { timeout: 1_500, tries: 2 } as const;

/** This machine as it is. */
export const systemMachine: Machine = {
  agentStatus: async (config) => withAgent(openJoinedState(config).socketPath, (agent) => agent.status()),
  contact: contactController,
  controlRefusal,
  tcpProblem,
  seenBy,
  resolveEndpoints: (endpoints) => resolveEndpoints(endpoints),
  run: (command, args) => run(command, args),
  exists: existsSync,
  readInterface,
  readOtherRoutes,
  askServer(server, name) {
    const resolver = new Resolver(DNS);
    resolver.setServers([server]);
    return resolver.resolve4(name);
  },
  lookup: async (name) => (await lookup(name, { family: 4 })).address,
};

async function controlRefusal(endpoint: string, membership: Membership): ReturnType<Machine['controlRefusal']> {
  const client = openNodeClient(endpoint, membership);
  try {
    await callUnary(client, 'healthCheck', {}, { deadlineMs: ANSWER_MS });
    return undefined;
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    return { code: error.code, message: error.message };
  } finally {
    client.close();
  }
}

function tcpProblem(endpoint: string): Promise<string | undefined> {
  const { host, port } = parseHostPort(endpoint);
  return new Promise((resolve) => {
    const socket = createConnection({ host, port });
    const end = (problem: string | undefined): void => {
      socket.destroy();
      resolve(problem);
    };
    socket.setTimeout(CONNECT_MS, () => end(`no answer within ${CONNECT_MS} ms`));
    socket.once('connect', () => end(undefined)).once('error', (error) => end(error.message));
  });
}
