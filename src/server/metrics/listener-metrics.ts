import type { Registry } from 'prom-client';
import type { ConnectionStats } from '../transport/connection-limits.js';
import { readCounter, readGauge, samplesOf, type Sample } from './families.js';

/** A listener as its connections are counted. */
export interface CountedListener {
  connections(): ConnectionStats;
}

/** The connections of each listener, by its name, and those that were turned away. */
export function addListenerMetrics(registry: Registry, listeners: Readonly<Record<string, CountedListener>>): void {
  const each = (read: (stats: ConnectionStats) => Sample[]) => (): Sample[] =>
    Object.entries(listeners).flatMap(([listener, of]) => read(of.connections()).map(({ labels, value }) => ({ labels: { listener, ...labels }, value })));
  readGauge(registry, {
    name: 'nc_connections',
    help: 'Connections, in their TLS handshake or past it.',
    labels: ['listener', 'state'],
    read: each(({ open, handshaking }) => samplesOf('state', { handshaking, established: open - handshaking })),
  });
  readCounter(registry, {
    name: 'nc_connections_accepted_total',
    help: 'Connections that were let in to the TLS handshake.',
    labels: ['listener'],
    read: each(({ accepted }) => [{ value: accepted }]),
  });
  readCounter(registry, {
    name: 'nc_connections_refused_total',
    help: 'Connections closed before TLS, by the limit of server.yml that was reached.',
    labels: ['listener', 'reason'],
    read: each(({ refused }) => samplesOf('reason', refused)),
  });
  readCounter(registry, {
    name: 'nc_tls_handshakes_failed_total',
    help: 'TLS handshakes that were not completed: in time, or at all.',
    labels: ['listener', 'reason'],
    read: each(({ failedHandshakes }) => samplesOf('reason', failedHandshakes)),
  });
}
