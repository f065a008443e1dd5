import { isIP } from 'node:net';
import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { AddressPlan } from '../../domain/address-plan.js';
import { formatCidr4, formatCidr6, overlap4, overlap6, parseCidr4, parseCidr6, type Cidr4, type Cidr6 } from '../../domain/cidr.js';
import { parseDnsName } from '../../domain/dns-name.js';
import type { AddedRecord } from '../../domain/dns-records.js';
import { parseDuration } from '../../domain/duration.js';
import { DomainError } from '../../domain/errors.js';
import type { HostPort } from '../../domain/host-port.js';
import { parseNetworkName } from '../../domain/names.js';
import { adminSocketPath } from '../paths.js';
import { SNAPSHOTS, snapshotFaults, snapshotSettings, type SnapshotSettings } from './snapshot-config.js';
import { STATIC_SERVICE, staticServiceFaults, staticServicesOf, type StaticService } from './static-services.js';
import { checked, deepFreeze, parsed, parseYamlConfig, readConfigText, section, type Fault } from '../yaml-config.js';
import { parseListenAddress } from './listen-address.js';
import { UPSTREAM, upstreamOf, type UpstreamSettings } from './dns-upstream.js';
import { REPLICA, replicaFaults, replicaSettings, type ReplicaSettings } from './replica-settings.js';
import { STORE, storeFaults, storeSettings, type StoreSettings } from './store-settings.js';
import { addedRecords, RECORD, recordFaults, type RecordSurroundings } from './records-file.js';

/** One overlay network. */
export interface NetworkSettings {
  readonly name: string;
  readonly cidr: Cidr4;
  readonly cidr6: Cidr6 | undefined;
  /** Bytes. */
  readonly mtu: number;
  /** Whether nodes may talk to each other, not only to the controller. */
  readonly interconnection: boolean;
}

/** Bounds on what strangers can make the server do. */
export interface LimitSettings {
  /** Open connections of one listener. */
  readonly connections: number;
  /** Of these, from one IPv4 address or one IPv6 /64. */
  readonly connectionsPerSource: number;
  /** Connections that wait for their TLS handshake or are in the middle of it, of one listener. */
  readonly handshakes: number;
  /** New connections a second from one source. */
  readonly handshakesPerSecond: number;
  /** Bytes of one message on the control listener and the admin socket. */
  readonly messageBytes: number;
  /** Bytes of one message of somebody who has no certificate yet. */
  readonly bootstrapMessageBytes: number;
  /** Bootstrap and node tokens a minute, from one source, that are none. */
  readonly guessesPerMinute: number;
}

/** Everything `server.yml` says, with defaults in place and in the types of the domain. Deep-frozen. */
export interface ServerConfig {
  /** The controller, or a relay beside it, which needs only the addresses, the ports and the folders of what follows. */
  readonly mode: 'server' | 'relay';
  /** Hosts under which nodes reach this server; empty for the machine's own addresses. */
  readonly ip: readonly string[];
  readonly bindAddress: string;
  /** UDP: rendezvous and relay. 0 for a free one, as for the other ports. */
  readonly port: number;
  readonly grpcPort: number;
  readonly bootstrapPort: number;
  readonly httpsPort: number;
  /** The network `default` first. */
  readonly networks: readonly NetworkSettings[];
  /** Absolute. */
  readonly workDir: string;
  /** Absolute; undefined for the console only. */
  readonly logDir: string | undefined;
  /** Absolute. */
  readonly adminSocket: string;
  readonly debug: boolean;
  /** Lower case, without dots at its ends. */
  readonly zone: string;
  readonly dns: {
    readonly listen: readonly HostPort[];
    /** DNS over TLS. */
    readonly tls: readonly HostPort[];
    /** Who may ask over HTTPS. */
    readonly https: 'members' | 'anyone' | 'nobody';
    /** DNS over HTTP in the clear; loopback only. */
    readonly http: readonly HostPort[];
    readonly upstreams: readonly UpstreamSettings[];
    /** How long an answer that ran out may stand in when no upstream answers; 0 for not at all. */
    readonly serveStaleMs: number;
    /** Names, with all below them, that no upstream is asked for. */
    readonly enclosures: readonly string[];
    readonly records: readonly AddedRecord[];
    /** A file with more of them, read again whenever it changes. Absolute. */
    readonly recordsFile: string | undefined;
    /** What records are checked against. */
    readonly surroundings: RecordSurroundings;
    /** Whether the zones are signed (DNSSEC). */
    readonly sign: boolean;
    /** Whether whoever asks is told our version. */
    readonly tellVersion: boolean;
    readonly logQueries: boolean;
  };
  readonly tokens: {
    /** -1 for never. */
    readonly defaultExpireMs: number;
    readonly sweepIntervalMs: number;
    readonly keepSpentMs: number;
  };
  readonly services: readonly StaticService[];
  /** Absolute; undefined where programs of NekoQ-Bootstrap are not served. */
  readonly nekoqPasswordFile: string | undefined;
  readonly store: StoreSettings;
  readonly replica: ReplicaSettings;
  readonly addresses: { readonly quarantineMs: number };
  readonly certificates: { readonly grpcMs: number; readonly networkMs: number; readonly serverMs: number };
  readonly limits: LimitSettings;
  readonly snapshots: SnapshotSettings;
  /** The event log: whatever is older or more goes, to files in the folder `archive` first where there is one. */
  readonly events: { readonly keepMs: number; readonly keepRevisions: number; readonly archive: string | undefined };
  /** Where the server tells monitors of itself, over plain HTTP; undefined for nowhere. */
  readonly metrics: { readonly listen: HostPort | undefined };
}

const DNS_PORT = 53;
/** @see RFC 7858 §3.1 */
const DNS_OVER_TLS_PORT = 853;
const HTTP_PORT = 80;
/** IPv6 does not run on links with a smaller one. @see RFC 8200 §5 */
const MTU_IPV6 = 1280;

const name = parsed(parseNetworkName, 'a name');
const cidr4 = parsed(parseCidr4, 'a network like "10.66.0.0/24"');
const cidr6 = parsed(parseCidr6, 'a network like "fd00:66::/64"');
const duration = parsed(parseDuration, 'a duration like "10m" or "1h30m"');
const lifetime = v.pipe(duration, v.minValue(1000, 'at least 1s'));
const mtu = integer(576, 65_535);
const port = integer(0, 65_535);
const host = v.pipe(v.string('an address or host name'), v.check(isHost, 'an address or host name'));

const NETWORK = v.strictObject({
  name,
  cidr: cidr4,
  cidr6: v.optional(cidr6),
  mtu: v.optional(mtu),
  interconnection: v.optional(v.boolean()),
});

const METRICS_PORT = 6438;
const NOWHERE = '';

const SERVER = section({
  ip: v.optional(v.union([host, v.array(host)], 'an address or a list of them'), []),
  bindAddress: v.optional(v.pipe(v.string(), v.check((text) => isIP(text) > 0, 'an address of this machine, "0.0.0.0" or "::"')), '0.0.0.0'),
  port: v.optional(port, 6441),
  grpcPort: v.optional(port, 6440),
  bootstrapPort: v.optional(port, 6439),
  httpsPort: v.optional(port, 6442),
  networkAddr: v.optional(cidr4, '10.66.0.0/24'),
  networkAddr6: v.optional(cidr6),
  mtu: v.optional(mtu, 1280),
  interconnection: v.optional(v.boolean(), true),
  networks: v.optional(v.array(NETWORK), []),
  workDir: v.optional(v.string(), './nc-server'),
  logDir: v.optional(v.string()),
  adminSocket: v.optional(v.string()),
  debug: v.optional(v.boolean(), false),
  zone: v.optional(parsed(parseZone, 'a domain like "nc.internal"'), 'nc.internal'),
  dns: section({
    listen: v.optional(v.array(parsed(parseDnsAddress, 'an address with port')), []),
    tls: v.optional(v.array(parsed((text, field) => parseListenAddress(text, field, DNS_OVER_TLS_PORT), 'an address with port')), []),
    https: v.optional(v.picklist(['members', 'anyone', 'nobody'], '"members", "anyone" or "nobody"'), 'members'),
    http: v.optional(v.array(parsed(parseLoopback, 'an address of loopback with port')), []),
    upstreams: v.optional(v.array(UPSTREAM), []),
    serveStale: v.optional(duration, '1d'),
    enclosures: v.optional(v.array(parsed(parseDnsName, 'a domain like "corp.example"')), []),
    records: v.optional(v.array(RECORD), []),
    recordsFile: v.optional(v.string()),
    sign: v.optional(v.boolean(), false),
    tellVersion: v.optional(v.boolean(), false),
    logQueries: v.optional(v.boolean(), false),
  }),
  tokens: section({
    defaultExpire: v.optional(v.union([v.literal('never'), lifetime], 'a duration like "10m", or "never"'), '10m'),
    sweepInterval: v.optional(lifetime, '1m'),
    keepSpent: v.optional(duration, '30d'),
  }),
  services: v.optional(v.array(STATIC_SERVICE), []),
  nekoqPasswordFile: v.optional(v.string()),
  addresses: section({ quarantine: v.optional(duration, '10m') }),
  certificates: section({
    grpc: v.optional(lifetime, '24h'),
    network: v.optional(lifetime, '72h'),
    server: v.optional(lifetime, '7d'),
  }),
  limits: section({
    connections: v.optional(integer(1, 1_000_000), 20_000),
    connectionsPerSource: v.optional(integer(1, 1_000_000), 1_024),
    handshakes: v.optional(integer(1, 1_000_000), 10_000),
    handshakesPerSecond: v.optional(integer(1, 1_000_000), 250),
    messageBytes: v.optional(integer(1024, 64 * 1024 * 1024), 4 * 1024 * 1024),
    bootstrapMessageBytes: v.optional(integer(1024, 1024 * 1024), 16 * 1024),
    guessesPerMinute: v.optional(integer(1, 1_000_000), 30),
  }),
  store: STORE,
  replica: REPLICA,
  snapshots: SNAPSHOTS,
  events: section({
    keep: v.optional(v.pipe(duration, v.minValue(3_600_000, 'at least 1h')), '1d'),
    keepRevisions: v.optional(integer(10_000, 1_000_000_000), 2_000_000),
    archive: v.optional(v.string()),
  }),
  metrics: section({
    listen: v.optional(v.union([v.literal(NOWHERE), parsed(parseMetricsAddress, 'an address with port')], 'an address with port, or ""'), `127.0.0.1:${METRICS_PORT}`),
  }),
});

type ServerKeys = v.InferOutput<typeof SERVER>;

const SCHEMA = checked(section({ mode: v.optional(v.picklist(['server', 'relay'], '"server" or "relay"'), 'server'), server: SERVER }), function* ({ server }) {
  for (const { key, message } of faultsOf(server)) yield { key: ['server', ...key], message };
});

/**
 * Reads `server.yml`.
 *
 * @param text The file.
 * @param path Where it is: relative folders in it are relative to its own.
 * @throws DomainError `config_invalid` with file, line and key of every fault.
 */
export function parseServerConfig(text: string, path: string): ServerConfig {
  const { mode, server } = parseYamlConfig(text, path, SCHEMA);
  const at = (file: string): string => resolve(dirname(path), file);
  return deepFreeze({
    mode,
    ip: typeof server.ip === 'string' ? [server.ip] : server.ip,
    bindAddress: server.bindAddress,
    port: server.port,
    grpcPort: server.grpcPort,
    bootstrapPort: server.bootstrapPort,
    httpsPort: server.httpsPort,
    networks: networksOf(server),
    workDir: at(server.workDir),
    logDir: server.logDir === undefined ? undefined : at(server.logDir),
    adminSocket: server.adminSocket === undefined ? adminSocketPath() : at(server.adminSocket),
    debug: server.debug,
    zone: server.zone,
    dns: dnsOf(server, at),
    tokens: {
      defaultExpireMs: server.tokens.defaultExpire === 'never' ? -1 : server.tokens.defaultExpire,
      sweepIntervalMs: server.tokens.sweepInterval,
      keepSpentMs: server.tokens.keepSpent,
    },
    services: staticServicesOf(server.services),
    nekoqPasswordFile: server.nekoqPasswordFile === undefined ? undefined : at(server.nekoqPasswordFile),
    addresses: { quarantineMs: server.addresses.quarantine },
    certificates: { grpcMs: server.certificates.grpc, networkMs: server.certificates.network, serverMs: server.certificates.server },
    limits: server.limits,
    store: storeSettings(server.store, at),
    replica: replicaSettings(server.replica, at(server.workDir)),
    events: { keepMs: server.events.keep, keepRevisions: server.events.keepRevisions, archive: server.events.archive === undefined ? undefined : at(server.events.archive) },
    snapshots: snapshotSettings(server.snapshots, at(server.workDir), at),
    metrics: { listen: server.metrics.listen === NOWHERE ? undefined : server.metrics.listen },
  });
}

/** Reads the file at `path`. @throws DomainError `config_invalid`. */
export function readServerConfig(path: string): ServerConfig {
  return parseServerConfig(readConfigText(path), path);
}

function dnsOf(server: ServerKeys, at: (file: string) => string): ServerConfig['dns'] {
  const { recordsFile, serveStale, upstreams, ...rest } = server.dns;
  return {
    ...rest,
    upstreams: upstreams.map((entry) => upstreamOf(entry, at)),
    serveStaleMs: serveStale,
    records: recordsOf(server),
    recordsFile: recordsFile === undefined ? undefined : at(recordsFile),
    surroundings: surroundingsOf(server),
  };
}

function recordsOf({ dns }: ServerKeys): AddedRecord[] {
  return addedRecords('server.yml', dns.records);
}

function networksOf(server: ServerKeys): NetworkSettings[] {
  const { networkAddr: cidr, networkAddr6: cidr6, mtu, interconnection } = server;
  return [
    { name: 'default', cidr, cidr6, mtu, interconnection },
    ...server.networks.map((network) => ({
      name: network.name,
      cidr: network.cidr,
      cidr6: network.cidr6,
      mtu: network.mtu ?? mtu,
      interconnection: network.interconnection ?? interconnection,
    })),
  ];
}

function* faultsOf(server: ServerKeys): Iterable<Fault> {
  if (server.grpcPort !== 0 && server.grpcPort === server.bootstrapPort) {
    yield { key: ['bootstrapPort'], message: `want another port than grpcPort, got ${server.bootstrapPort} for both` };
  }
  for (const other of ['grpcPort', 'bootstrapPort'] as const) {
    if (server.httpsPort !== 0 && server.httpsPort === server[other]) yield { key: ['httpsPort'], message: `want another port than ${other}, got ${server.httpsPort} for both` };
  }
  for (const { key, message } of recordFaults(recordsOf(server), surroundingsOf(server))) yield { key: ['dns', 'records', ...key], message };
  yield* storeFaults(server.store);
  yield* replicaFaults(server.replica, server.store.engine);
  yield* snapshotFaults(server.snapshots);
  const networks = networksOf(server);
  yield* staticServiceFaults(server.services, new Set(networks.map((network) => network.name)));
  for (const [index, network] of networks.entries()) {
    const key = index === 0 ? ['networkAddr'] : ['networks', index - 1];
    for (const message of networkFaults(network, networks.slice(0, index))) yield { key, message };
  }
}

function* networkFaults(network: NetworkSettings, before: readonly NetworkSettings[]): Iterable<string> {
  try {
    new AddressPlan(network.cidr, network.cidr6);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    yield error.message.replace(/^network: /, '');
  }
  if (network.cidr6 !== undefined && network.mtu < MTU_IPV6) yield `want an MTU of at least ${MTU_IPV6} with IPv6, got ${network.mtu}`;
  for (const other of before) {
    if (other.name === network.name) yield `want a name of its own, got ${JSON.stringify(network.name)} again`;
    if (overlap4(other.cidr, network.cidr)) yield overlap(network.name, formatCidr4(network.cidr), other.name, formatCidr4(other.cidr));
    if (other.cidr6 !== undefined && network.cidr6 !== undefined && overlap6(other.cidr6, network.cidr6)) {
      yield overlap(network.name, formatCidr6(network.cidr6), other.name, formatCidr6(other.cidr6));
    }
  }
}

function overlap(name: string, cidr: string, otherName: string, otherCidr: string): string {
  return `want networks without a common address, got ${cidr} of "${name}" beside ${otherCidr} of "${otherName}"`;
}

function integer(min: number, max: number): v.GenericSchema<number> {
  const what = `a whole number from ${min} to ${max}`;
  return v.pipe(v.number(what), v.check((value) => Number.isInteger(value) && value >= min && value <= max, what));
}

function isHost(text: string): boolean {
  return isIP(text) > 0 || (isDomain(text) && !/^[\d.]+$/.test(text));
}

/** @see RFC 1035 §2.3.4 for the lengths */
function isDomain(text: string): boolean {
  return text.length <= 253 && /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i.test(text);
}

function parseZone(text: string, field: string): string {
  const zone = text.toLowerCase().replace(/\.$/, '');
  if (!isDomain(zone)) throw new DomainError('invalid_argument', `${field}: want a domain like "nc.internal", got ${JSON.stringify(text)}`);
  return zone;
}

/** What the rules of the DNS must know beside the records. */
function surroundingsOf(server: ServerKeys): RecordSurroundings {
  const networks = networksOf(server).map(({ name, cidr, cidr6 }) => ({ name, cidr: formatCidr4(cidr), cidr6: cidr6 === undefined ? '' : formatCidr6(cidr6) }));
  return { zone: server.zone, networks };
}

function parseDnsAddress(text: string, field: string): HostPort {
  return parseListenAddress(text, field, DNS_PORT);
}

function parseMetricsAddress(text: string, field: string): HostPort {
  return parseListenAddress(text, field, METRICS_PORT);
}

/** What is in the clear stays on this machine. */
function parseLoopback(text: string, field: string): HostPort {
  const at = parseListenAddress(text, field, HTTP_PORT);
  if (at.host === '::1' || at.host.startsWith('127.')) return at;
  throw new DomainError('invalid_argument', `${field}: want an address of loopback, since nothing is encrypted, got ${JSON.stringify(text)}`);
}
