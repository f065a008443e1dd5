import { join } from 'node:path';
import type { ServerConfig } from '../../platform/config/server-config.js';
import { dsRecord, SigningKey } from '../../platform/dns/dnssec/signing-key.js';
import type { Log } from '../../platform/log.js';
import type { ServerState } from '../server-state.js';
import { signingKeyIn } from './signing-key-file.js';
import type { DnsTlsMaterial } from '../../platform/dns/query-handler.js';
import { startDns, type Dns } from './start-dns.js';
import { zoneChangesOf, zoneOf } from './zone-feed.js';

/**
 * Starts DNS from the projection and keeps it in step with every revision that is applied.
 *
 * @param tls What the listeners for DNS over TLS show.
 * @throws DomainError `port_taken`, `config_invalid`; `state_invalid`, `key_file_unsafe` for the signing key.
 */
export async function startNames({ repository }: ServerState, config: ServerConfig, log: Log, tls: DnsTlsMaterial): Promise<Dns> {
  const { view } = repository;
  const { listen, upstreams, records, sign, logQueries } = config.dns;
  const changes = [...zoneOf(view), ...records.map((record) => ({ kind: 'record' as const, record }))];
  const enclosures = config.dns.enclosures.map((suffix) => ({ suffix }));
  const keys = sign ? await signingKeyIn(join(config.workDir, 'dnssec.key')) : undefined;
  const dns = await startDns({ listen, tls: { listen: config.dns.tls, material: tls }, upstreams, enclosures, zone: config.zone, networks: [], changes, revision: view.rev, log, ...(keys && { signingKeys: keys }) });
  dns.logQueries(logQueries);
  for (const pem of keys?.active ?? []) log.info('zone signed', { ds: dsRecord(config.zone, SigningKey.fromPem(pem)) });
  const unsubscribe = repository.onApplied((revision) => dns.apply({ revision: revision.rev, changes: zoneChangesOf(revision) }));
  return {
    ports: dns.ports,
    tlsPorts: dns.tlsPorts,
    setCertificate: (material) => dns.setCertificate(material),
    setSigningKeys: (keys) => dns.setSigningKeys(keys),
    logQueries: (on) => dns.logQueries(on),
    apply: (revision) => dns.apply(revision),
    answer: (query, client) => dns.answer(query, client),
    stats: () => dns.stats(),
    async stop() {
      unsubscribe();
      await dns.stop();
    },
  };
}
