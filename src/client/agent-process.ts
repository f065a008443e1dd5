import { closeSync, openSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '../domain/errors.js';
import type { AgentServiceGetStatusResponse } from '../gen/networkcontroller/v1/agent.js';
import { detachSelf, type Detached } from '../platform/detach.js';
import { withAgent } from './agent-client.js';
import type { ClientConfig } from '../platform/config/client-config.js';
import type { StateFolder } from './state/state-folder.js';

/** How often a starting agent is asked whether it is ready. */
const ASK_MS = 40;
/** An agent that has not raised its tunnel by then may still do so; whoever waits wants to hear why it has not. */
const READY_MS = 30_000;
/** What is wrong for so long will not pass by itself. */
const WRONG_MS = 5_000;

/** The agent as a process of its own, loaded and waiting for its turn. */
export interface PreparedAgent {
  /**
   * Lets it begin and waits until its tunnel is up.
   *
   * @throws DomainError with what the agent printed when it ended; `timeout` with what is wrong when the tunnel is not up
   *   in time, and the agent goes on trying then.
   */
  begin(): Promise<AgentServiceGetStatusResponse>;
  /** It is not needed after all. */
  abandon(): void;
}

/**
 * Starts the agent as a process of its own. It loads while a join is under way, which takes as long.
 *
 * @param options `config` is the client.yml that it shall read, if any; without `dns` it leaves the machine's DNS alone.
 */
export function prepareAgent(state: StateFolder, { config, dns }: { readonly config?: string; readonly dns: boolean }): PreparedAgent {
  const printed = join(state.path, 'agent.out');
  const output = openSync(printed, 'w', 0o600);
  const agent = detachSelf([...(config === undefined ? [] : ['--config', resolve(config)]), '-o', 'json', 'up', '--on-go', ...(dns ? [] : ['--no-dns'])], output);
  closeSync(output);
  return {
    begin() {
      agent.go();
      return untilReady(state, agent, () => readFileSync(printed, 'utf8'));
    },
    abandon: () => agent.abandon(),
  };
}

async function untilReady(state: StateFolder, agent: Detached, printed: () => string): Promise<AgentServiceGetStatusResponse> {
  let ended = false;
  void agent.ended.then(() => (ended = true));
  let last: AgentServiceGetStatusResponse | undefined;
  let wellAtMs = Date.now();
  for (const giveUpAt = Date.now() + READY_MS; Date.now() < Math.min(giveUpAt, wellAtMs + WRONG_MS); await sleep(ASK_MS)) {
    if (ended) throw refusalIn(printed());
    last = await statusIfAny(state.socketPath);
    // After a join the first map has only the controller in it, and whoever waits wants to reach the others.
    if (last !== undefined && last.readyAfterMs > 0 && last.revision > 0n) return last;
    if (last === undefined || last.health.length === 0) wellAtMs = Date.now();
  }
  const wrong = last?.health ?? ['no answer yet'];
  const code = wrong.some((line) => line.startsWith('interface ')) ? 'device_failed' : 'timeout';
  throw new DomainError(code, `the agent runs (pid ${agent.pid}) and goes on trying, but its tunnel is not up: ${wrong.join('; ')}`);
}

async function statusIfAny(socketPath: string): Promise<AgentServiceGetStatusResponse | undefined> {
  try {
    return await withAgent(socketPath, (agent) => agent.status());
  } catch (error) {
    if (error instanceof DomainError) return undefined;
    throw error;
  }
}

/** What the agent said on its way out: the error as our own commands print it for programs, or whatever it was. */
function refusalIn(printed: string): DomainError {
  const line = printed.split('\n').find((text) => text.startsWith('{"error"'));
  const told = line === undefined ? undefined : (JSON.parse(line) as { error: { code: DomainError['code']; message: string } }).error;
  return new DomainError(told?.code ?? 'internal', told?.message ?? `the agent ended: ${printed.trim().slice(-500)}`);
}

/**
 * Waits until no agent serves the state folder any more.
 *
 * @throws DomainError `timeout` when it does not end.
 */
export async function untilAgentGone(config: ClientConfig, state: StateFolder): Promise<void> {
  for (const giveUpAt = Date.now() + READY_MS; Date.now() < giveUpAt; await sleep(ASK_MS)) {
    if ((await statusIfAny(state.socketPath)) === undefined) return;
  }
  throw new DomainError('timeout', `the agent of ${config.stateDir} does not end; see its log in ${config.logDir}`);
}
