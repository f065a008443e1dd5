import type { Lifecycle } from '../../platform/lifecycle.js';
import type { Log } from '../../platform/log.js';
import type { ServerConfig } from '../../platform/config/server-config.js';
import type { ServerState } from '../services/cluster-facts.js';
import type { Metrics, MetricsSources } from './metrics.js';
import { startMetricsListener } from './metrics-listener.js';

/** What is told to monitors. */
export interface MonitoringDeps {
  readonly metrics: Metrics;
  readonly sources: MetricsSources;
  state(): ServerState;
  readonly log: Log;
}

/**
 * Tells monitors of the server where the configuration wishes for it.
 *
 * @returns The port; 0 where it does not.
 * @throws DomainError `port_taken`, `config_invalid`.
 */
export async function startMonitoring(parts: Lifecycle, { metrics: { listen } }: ServerConfig, { metrics, sources, state, log }: MonitoringDeps): Promise<number> {
  if (listen === undefined) return 0;
  metrics.readFrom(sources);
  const { port } = await parts.start('metrics', () => startMetricsListener({ listen, text: () => metrics.text(), state, log }));
  return port;
}
