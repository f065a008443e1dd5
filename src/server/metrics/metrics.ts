import { Gauge, Registry } from 'prom-client';
import type { DnsStats } from '../dns/counters.js';
import type { RendezvousStats } from '../rendezvous/rendezvous.js';
import { CallMetrics } from './call-metrics.js';
import { addClusterMetrics, type ClusterSources } from './cluster-metrics.js';
import { addDnsMetrics } from './dns-metrics.js';
import { addListenerMetrics, type CountedListener } from './listener-metrics.js';
import { addProcessMetrics } from './process-metrics.js';
import { addRendezvousMetrics } from './rendezvous-metrics.js';
import { StoreMetrics } from './store-metrics.js';

/** The parts that count by themselves and are read at each scrape. */
export interface MetricsSources {
  readonly cluster: ClusterSources;
  readonly listeners: Readonly<Record<string, CountedListener>>;
  readonly rendezvous: { stats(): RendezvousStats };
  readonly dns: { stats(): DnsStats };
}

/**
 * The figures of this server for Prometheus.
 *
 * Two parts are told of what happens as it happens, because they keep distributions; everything else is read from its owner
 * when somebody asks. No label holds a node, an address or anything else that grows with the cluster or that a stranger chooses.
 *
 * @see docs/metrics.md, which lists every family
 */
export class Metrics {
  readonly #registry = new Registry();
  /** Told of every call. */
  readonly calls = new CallMetrics(this.#registry);
  /** Told of every commit. */
  readonly store = new StoreMetrics(this.#registry);

  constructor(version: string) {
    new Gauge({ name: 'nc_build_info', help: 'Always 1; its labels say what runs.', labelNames: ['version', 'node'], registers: [this.#registry] }).set(
      { version, node: process.versions.node },
      1,
    );
  }

  /** Adds what is read from others, and what Node knows of the process: its memory, CPU and event loop. */
  readFrom({ cluster, listeners, rendezvous, dns }: MetricsSources): void {
    addClusterMetrics(this.#registry, cluster);
    addListenerMetrics(this.#registry, listeners);
    addRendezvousMetrics(this.#registry, rendezvous);
    addDnsMetrics(this.#registry, dns);
    addProcessMetrics(this.#registry);
  }

  /** All figures in Prometheus' text format. */
  async text(): Promise<{ readonly type: string; readonly body: string }> {
    return { type: this.#registry.contentType, body: await this.#registry.metrics() };
  }
}
