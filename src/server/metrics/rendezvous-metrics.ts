import type { Registry } from 'prom-client';
import type { RendezvousStats } from '../rendezvous/rendezvous.js';
import { readCounter, readGauge, samplesOf } from './families.js';

/** WireGuard handshakes with the controller, and what is relayed between nodes. */
export function addRendezvousMetrics(registry: Registry, rendezvous: { stats(): RendezvousStats }): void {
  const total = (name: string, help: string, of: (stats: RendezvousStats) => number): void =>
    readCounter(registry, { name, help, read: () => [{ value: of(rendezvous.stats()) }] });
  total('nc_rendezvous_handshakes_total', 'WireGuard handshakes with the controller, completed by both sides.', ({ handshakes }) => handshakes);
  total('nc_relay_packets_total', 'Packets relayed between nodes.', ({ relayedPackets }) => relayedPackets);
  total('nc_relay_bytes_total', 'Bytes of the packets relayed between nodes.', ({ relayedBytes }) => relayedBytes);
  total('nc_relay_tcp_drops_total', 'Packets lost because a TCP connection was slower than what came for it.', ({ tcpDroppedPackets }) => tcpDroppedPackets);
  readCounter(registry, {
    name: 'nc_rendezvous_drops_total',
    help: 'Datagrams on the WireGuard port, or packets in them, that went no further.',
    labels: ['reason'],
    read: () => samplesOf('reason', rendezvous.stats().droppedByReason),
  });
  readGauge(registry, {
    name: 'nc_relay_pairs',
    help: 'Pairs of nodes that talk through the relay.',
    read: () => [{ value: rendezvous.stats().relayedPairs }],
  });
  readGauge(registry, {
    name: 'nc_relay_tcp_connections',
    help: 'Nodes whose packets come over TCP, because UDP does not get through.',
    read: () => [{ value: rendezvous.stats().tcpConnections }],
  });
}
