import { hash } from 'node:crypto';

/**
 * The keys of the store. `<ss>` is a shard, the first two hex digits of SHA-256 of the id after it: it bounds every
 * range read on an engine that counts what a range holds (etcd).
 *
 * | key | value |
 * |---|---|
 * | `/nc/v1/cluster` | ClusterRecord |
 * | `/nc/v1/net/<network>` | NetworkRecord |
 * | `/nc/v1/n/<network>/<ss>/<node id>` | NodeRecord |
 * | `/nc/v1/i/<network>/<ss>/<address>` | AddressRecord: this key is the uniqueness of the address |
 * | `/nc/v1/d/<network>/<ss>/<name>` | OwnerRecord: uniqueness of the name |
 * | `/nc/v1/w/<ss>/<WireGuard key, hex>` | OwnerRecord: uniqueness of the key |
 * | `/nc/v1/t/<ss>/<token id>` | TokenRecord |
 * | `/nc/v1/u/<ss>/<token id>/<n>` | OwnerRecord: the n-th use of a token with a bound, so that its bound holds without writing the token |
 * | `/nc/v1/x/<ss>/<token id>/<keys hash, hex>` | ExchangeRecord |
 * | `/nc/v1/c/<ss>/<serial>` | CertificateRecord |
 * | `/nc/v1/s/<network>/<ss>/<service>/<service id>` | ServiceRecord |
 * | `/nc/v1/r/<ss>/<name>` | DnsNameRecord: all that admins added at a name, so that its rules hold with one compare |
 * | `/nc/v1/p/<network>/<ss>/<node id>` | PresenceRecord |
 * | `/nc/v1/b/<network>/<ss>/<node id>` | NodeBundleRecord |
 * | `/nc/v1/a/<time, hex>-<random>` | AuditRecord |
 * | `/nc/v1/k/<ss>/<API token id>` | ApiTokenRecord |
 * | `/nc/v1/relay/<name>` | RelayRecord |
 * | `/nc/v1/clock` | ClockRecord |
 * | `/nc/v1/crl` | CrlRecord |
 * | `/nc/v1/ca/<purpose>/<generation>` | CaRecord |
 * | `/nc/v1/bundle/<version>` | BundleRecord |
 * | `/nc/v1/restoring` | name of the snapshot that is being restored: while it is there, all else is incomplete |
 * | `/nc/v1/replica/<id>` | ReplicaRecord, leased |
 * | `/nc/v1/drain/<replica id>` | who asked for it; goes after a while |
 * | `/nc/v1/signal/<replica id>/<random>` | SignalRecord for nodes of that server; goes after some seconds |
 * | `/nc/v1/lead/<role>` | id of the leader, leased |
 */
export const ROOT = '/nc/v1/';

/** What a key's first letter after {@link ROOT} stands for. */
export const KINDS = {
  cluster: 'cluster',
  network: 'net',
  node: 'n',
  address: 'i',
  name: 'd',
  wireguardKey: 'w',
  token: 't',
  use: 'u',
  exchange: 'x',
  certificate: 'c',
  service: 's',
  dnsName: 'r',
  presence: 'p',
  nodeBundle: 'b',
  audit: 'a',
  apiToken: 'k',
  relay: 'relay',
  clock: 'clock',
  crl: 'crl',
  ca: 'ca',
  bundle: 'bundle',
  restoring: 'restoring',
  replica: 'replica',
  drain: 'drain',
  signal: 'signal',
  lead: 'lead',
} as const;

/** The kind of record that a key holds. */
export type RecordKind = keyof typeof KINDS;

const KIND_OF: ReadonlyMap<string, RecordKind> = new Map(
  Object.entries(KINDS).map(([kind, letter]) => [letter, kind as RecordKind]),
);

/** The kind of record under `key`, or undefined for a key that is not ours. */
export function kindOf(key: string): RecordKind | undefined {
  if (!key.startsWith(ROOT)) return undefined;
  const end = key.indexOf('/', ROOT.length);
  return KIND_OF.get(end < 0 ? key.slice(ROOT.length) : key.slice(ROOT.length, end));
}

/** Two hex digits that spread ids evenly over 256 ranges. */
export function shard(id: string): string {
  return hash('sha256', id).slice(0, 2);
}

/** The prefix of all keys of one kind, within one network where the kind has networks. */
export function prefixOf(kind: RecordKind, network?: string): string {
  return network === undefined ? `${ROOT}${KINDS[kind]}/` : `${ROOT}${KINDS[kind]}/${network}/`;
}

/** Builders, one a kind. Ids are trusted: they were parsed at the edge and hold no slash. */
export const keys = {
  cluster: (): string => `${ROOT}cluster`,
  network: (network: string): string => `${ROOT}net/${network}`,
  node: (network: string, nodeId: string): string => `${ROOT}n/${network}/${shard(nodeId)}/${nodeId}`,
  address: (network: string, address: string): string => `${ROOT}i/${network}/${shard(address)}/${address}`,
  name: (network: string, name: string): string => `${ROOT}d/${network}/${shard(name)}/${name}`,
  wireguardKey: (hex: string): string => `${ROOT}w/${shard(hex)}/${hex}`,
  token: (tokenId: string): string => `${ROOT}t/${shard(tokenId)}/${tokenId}`,
  use: (tokenId: string, n: number): string => `${ROOT}u/${shard(tokenId)}/${tokenId}/${n}`,
  exchange: (tokenId: string, keysHash: string): string => `${ROOT}x/${shard(tokenId)}/${tokenId}/${keysHash}`,
  certificate: (serial: string): string => `${ROOT}c/${shard(serial)}/${serial}`,
  service: (network: string, name: string, id: string): string => `${ROOT}s/${network}/${shard(name)}/${name}/${id}`,
  dnsName: (name: string): string => `${ROOT}r/${shard(name)}/${name}`,
  presence: (network: string, nodeId: string): string => `${ROOT}p/${network}/${shard(nodeId)}/${nodeId}`,
  nodeBundle: (network: string, nodeId: string): string => `${ROOT}b/${network}/${shard(nodeId)}/${nodeId}`,
  audit: (id: string): string => `${ROOT}a/${id}`,
  apiToken: (id: string): string => `${ROOT}k/${shard(id)}/${id}`,
  relay: (name: string): string => `${ROOT}relay/${name}`,
  clock: (): string => `${ROOT}clock`,
  crl: (): string => `${ROOT}crl`,
  ca: (purpose: string, generation: number): string => `${ROOT}ca/${purpose}/${String(generation).padStart(6, '0')}`,
  bundle: (version: number): string => `${ROOT}bundle/${String(version).padStart(9, '0')}`,
  restoring: (): string => `${ROOT}restoring`,
  replica: (id: string): string => `${ROOT}replica/${id}`,
  drain: (replicaId: string): string => `${ROOT}drain/${replicaId}`,
  signal: (replicaId: string, id: string): string => `${ROOT}signal/${replicaId}/${id}`,
  lead: (role: string): string => `${ROOT}lead/${role}`,
} as const;
