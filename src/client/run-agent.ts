import type { DomainError } from '../domain/errors.js';
import { untilSignal } from '../platform/lifecycle.js';
import { openLog } from '../platform/winston-log.js';
import { startAgent, type RunningAgent } from './app.js';
import type { ClientConfig } from '../platform/config/client-config.js';

/**
 * Runs the agent in this process until it is told to stop, by `nc-client down` or by a signal.
 *
 * SIGINT takes the interface away, as somebody at a terminal expects. SIGTERM leaves it: a service manager restarts an agent, for an upgrade
 * for example, and no packet is lost over it.
 *
 * @param onReady Told once when the tunnel is up.
 * @throws DomainError what {@link startAgent} throws; `node_revoked` when the controller ended this node's membership.
 */
export async function runAgent(config: ClientConfig, onReady: (agent: RunningAgent) => Promise<void>): Promise<void> {
  const log = openLog({ program: 'nc-client', dir: config.logDir, debug: config.debug, console: process.stderr });
  try {
    const agent = await startAgent(config, { log });
    void untilSignal().then((signal) => agent.stop({ keepInterface: signal === 'SIGTERM' }));
    void agent.ready.then(() => onReady(agent)).catch((error: unknown) => log.warn('could not tell that the tunnel is up', { error }));
    const refusal: DomainError | undefined = await agent.ended;
    if (refusal !== undefined) throw refusal;
  } finally {
    await log.close();
  }
}
