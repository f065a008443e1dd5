import type { Registry } from 'prom-client';
import type { DnsStats } from '../dns/counters.js';
import { readCounter, readGauge, samplesOf } from './families.js';

/** DNS: the answers by type, code and source. Its thread counts in memory that is shared, so a scrape asks nobody. */
export function addDnsMetrics(registry: Registry, dns: { stats(): DnsStats }): void {
  readCounter(registry, {
    name: 'nc_dns_answers_total',
    help: 'DNS answers by type asked for, response code, and where the answer came from.',
    labels: ['type', 'code', 'source'],
    read: () => dns.stats().answers.map(({ type, code, source, count }) => ({ labels: { type, code, source }, value: count })),
  });
  readCounter(registry, {
    name: 'nc_dns_queries_total',
    help: 'DNS queries by the way they came.',
    labels: ['transport'],
    read() {
      const { udpQueries: udp, tcpQueries: tcp, tlsQueries: tls, httpsQueries: https, tunnelQueries: tunnel } = dns.stats();
      return samplesOf('transport', { udp, tcp, tls, https, tunnel });
    },
  });
  readCounter(registry, {
    name: 'nc_dns_ignored_total',
    help: 'Messages to the DNS that were no query and got no answer.',
    read: () => [{ value: dns.stats().ignored }],
  });
  readGauge(registry, { name: 'nc_dns_names', help: 'Names that exist in the zones.', read: () => [{ value: dns.stats().names }] });
}
