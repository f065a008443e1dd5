import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DomainError } from '../../domain/errors.js';
import type { Clock } from '../../platform/clock.js';
import type { ServerConfig } from '../../platform/config/server-config.js';
import type { UpstreamSettings } from '../../platform/config/dns-upstream.js';
import { dsRecord } from '../../platform/dns/dnssec/signing-key.js';
import type { Log } from '../../platform/log.js';
import { VERSION } from '../../platform/version.js';
import type { ServerState } from '../server-state.js';
import { DnsRecords } from '../services/dns-records.js';
import { DnsControl } from './dns-control.js';
import type { DnsTlsMaterial } from '../../platform/dns/query-handler.js';
import { KeptRecords } from './kept-records.js';
import { RecordsFile } from './records-file.js';
import { SigningKeyRing } from './signing-key-ring.js';
import { startDns, type Dns } from './start-dns.js';
import type { Upstream } from '../../platform/dns/upstream.js';
import { zoneChangesOf, zoneOf } from './zone-feed.js';

/** DNS, and what admins do with it. */
export interface Names extends Dns {
  readonly control: DnsControl;
  readonly records: DnsRecords;
}

/** What {@link startNames} works with beside the state. */
interface Deps {
  readonly clock: Clock;
  readonly wall: Clock;
  readonly log: Log;
  readonly tls: DnsTlsMaterial;
}

/**
 * Starts DNS from the projection and keeps it in step with every revision that is applied.
 *
 * @param deps `clock` never goes back, for what the store dates; `wall` dates keys and waits for files; `tls` is what listeners for DNS over TLS show.
 * @throws DomainError `port_taken`, `config_invalid`; `state_invalid`, `key_file_unsafe` for the signing keys.
 */
export async function startNames({ repository, file: storeFile }: ServerState, config: ServerConfig, deps: Deps): Promise<Names> {
  const { view } = repository;
  const { zone } = config;
  const { clock, wall, log, tls } = deps;
  const { listen, serveStaleMs, records, sign, tellVersion, logQueries } = config.dns;
  const ring = sign ? await SigningKeyRing.open(join(config.workDir, 'dnssec.key'), wall) : undefined;
  const upstreams = await Promise.all(config.dns.upstreams.map(upstreamOf));
  const enclosures = config.dns.enclosures.map((suffix) => ({ suffix }));
  const added = new DnsRecords({ repository, clock, zone });
  const kept = new KeptRecords(added, { file: await recordsFile(config, deps), clock: wall, log });
  await kept.start(records);
  const dns = await startDns({ listen, tls: { listen: config.dns.tls, material: tls }, upstreams, serveStaleMs, enclosures, zone, version: tellVersion ? `network-controller ${VERSION}` : undefined, storeFile, networks: [], changes: zoneOf(view), revision: view.rev, log, ...(ring && { signingKeys: ring.pems }) });
  dns.logQueries(logQueries);
  for (const { key } of ring?.keys ?? []) log.info('zone signed', { ds: dsRecord(zone, key) });
  const unsubscribe = repository.onApplied((revision) => dns.apply({ revision: revision.rev, changes: zoneChangesOf(revision) }));
  return {
    ports: dns.ports,
    tlsPorts: dns.tlsPorts,
    setCertificate: (material) => dns.setCertificate(material),
    setSigningKeys: (keys) => dns.setSigningKeys(keys),
    logQueries: (on) => dns.logQueries(on),
    apply: (revision) => dns.apply(revision),
    answer: (query, client) => dns.answer(query, client),
    ask: (query, client) => dns.ask(query, client),
    stats: () => dns.stats(),
    control: new DnsControl({ dns, ring, repository, zone, clock, logQueries }),
    records: added,
    async stop() {
      unsubscribe();
      kept.stop();
      await dns.stop();
    },
  };
}

async function recordsFile(config: ServerConfig, { wall, log }: Deps): Promise<RecordsFile | undefined> {
  const { recordsFile: path, surroundings } = config.dns;
  return path === undefined ? undefined : RecordsFile.open({ path, surroundings, clock: wall, log });
}

async function upstreamOf({ host, port, suffix, tls }: UpstreamSettings): Promise<Upstream> {
  const ca = tls?.caFile === undefined ? undefined : await readCa(tls.caFile);
  return { host, port, ...(suffix !== undefined && { suffix }), ...(tls && { tls: { name: tls.name, ...(ca !== undefined && { ca }) } }) };
}

async function readCa(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: Error) => {
    throw new DomainError('config_invalid', `dns.upstreams: want a readable file with a CA certificate, got ${path}: ${cause.message}`, { cause });
  });
}
