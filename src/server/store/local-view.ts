import type {
  AddedDnsRecord,
  AddressRecord,
  ApiTokenRecord,
  AuditRecord,
  BundleRecord,
  CaRecord,
  CertificateRecord,
  ClockRecord,
  ClusterRecord,
  CrlRecord,
  DnsNameRecord,
  ExchangeRecord,
  NetworkRecord,
  NodeBundleRecord,
  NodeRecord,
  OwnerRecord,
  PresenceRecord,
  RelayRecord,
  ReplicaRecord,
  ServiceRecord,
  TokenRecord,
} from '../../gen/networkcontroller/store/v1/records.js';
import type { Compare, Operation, StoreEvent } from './store.js';

/** A decoded record with what a compare needs. */
export interface Versioned<T> {
  readonly key: string;
  readonly value: T;
  readonly modRev: bigint;
}

/** A row of `network_mgr` joined with what is known of the node's presence. */
export interface NodeRow {
  readonly record: NodeRecord;
  /** LiteKube's -1, 1 or 3. */
  readonly state: number;
  readonly lastSeenMs: number;
  readonly endpoint: string;
  readonly version: string;
}

/** A record that an admin added, with its name. */
export interface DnsRecordRow extends AddedDnsRecord {
  readonly name: string;
}

/** A page in the order of its key; `next` is the token of the next page, empty at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string;
}

/** Which services to list; what is left out picks all. */
export interface ServiceRowFilter {
  readonly network?: string;
  readonly name?: string;
  readonly type?: string;
  readonly channel?: string;
}

/** How many of a network's addresses are in which condition. */
export interface AddressCounts {
  readonly owned: number;
  readonly quarantined: number;
}

/**
 * What this replica knows, read synchronously from its projection. Never ahead of the store, and exactly at `rev`:
 * whoever decides on it guards the decision with compares.
 */
export interface LocalView {
  /** The revision applied last. */
  readonly rev: bigint;
  /** The first revision whose events are still kept. */
  readonly oldestRev: bigint;
  clock(): Versioned<ClockRecord> | undefined;
  cluster(): Versioned<ClusterRecord> | undefined;
  network(name: string): Versioned<NetworkRecord> | undefined;
  networks(): readonly Versioned<NetworkRecord>[];
  nodeById(nodeId: string): Versioned<NodeRecord> | undefined;
  nodeByName(network: string, name: string): Versioned<NodeRecord> | undefined;
  nameOwner(network: string, name: string): Versioned<OwnerRecord> | undefined;
  wireguardKeyOwner(hex: string): Versioned<OwnerRecord> | undefined;
  address(network: string, address: string): Versioned<AddressRecord> | undefined;
  token(tokenId: string): Versioned<TokenRecord> | undefined;
  /** The n-th use, counted from 0, of a token with a bound. */
  tokenUse(tokenId: string, n: number): Versioned<OwnerRecord> | undefined;
  /** How many nodes a token has made: the number of its exchanges. */
  tokenUses(tokenId: string): number;
  exchange(tokenId: string, keysHash: string): Versioned<ExchangeRecord> | undefined;
  certificate(serial: string): Versioned<CertificateRecord> | undefined;
  /** All certificates of a subject, for revocation. */
  certificatesOf(subjectKind: string, subjectId: string): readonly Versioned<CertificateRecord>[];
  /** All certificates of one kind of subject, `admin` for one. */
  certificatesOfKind(subjectKind: string): readonly Versioned<CertificateRecord>[];
  /** Revoked certificates of one purpose that have not ended by themselves at `nowMs`. */
  revokedCertificates(purpose: string, nowMs: number): readonly Versioned<CertificateRecord>[];
  /** Certificates of one CA generation that are neither superseded nor revoked nor ended at `nowMs`: how many, and when the last ends (0 for none). */
  liveCertificates(purpose: string, caGeneration: number, nowMs: number): { readonly count: number; readonly lastEndsAtMs: number };
  apiToken(id: string): Versioned<ApiTokenRecord> | undefined;
  apiTokens(): readonly Versioned<ApiTokenRecord>[];
  relay(name: string): Versioned<RelayRecord> | undefined;
  /** By name, those that have only been invited too. */
  relays(): readonly Versioned<RelayRecord>[];
  /** The servers that have said that they run, by id. */
  replicas(): readonly Versioned<ReplicaRecord>[];
  /** The ids of the leaders; each key ends in the role. */
  leads(): readonly Versioned<string>[];
  crl(): Versioned<CrlRecord> | undefined;
  /** Every generation of a CA, oldest first. */
  cas(purpose: string): readonly Versioned<CaRecord>[];
  /** Trust bundles, oldest first. */
  bundles(afterVersion: number): readonly Versioned<BundleRecord>[];
  presence(network: string, nodeId: string): Versioned<PresenceRecord> | undefined;
  /** What is known of every node that was ever seen, lazily. */
  presences(): Iterable<Versioned<PresenceRecord>>;
  /** The trust bundle that a node last said it knows. */
  nodeBundle(network: string, nodeId: string): Versioned<NodeBundleRecord> | undefined;
  /** The same for every node that has said one. */
  nodeBundles(): readonly Versioned<NodeBundleRecord>[];
  /** By id, within one network or (empty) in any. */
  service(network: string, id: string): Versioned<ServiceRecord> | undefined;
  servicesOf(network: string, name?: string): Iterable<Versioned<ServiceRecord>>;
  servicesOfNode(nodeId: string): readonly Versioned<ServiceRecord>[];
  /** All records that admins added at a name. */
  dnsName(name: string): Versioned<DnsNameRecord> | undefined;
  /** The name at which the record with this id stands. */
  dnsNameOfRecord(recordId: string): Versioned<DnsNameRecord> | undefined;
  dnsNames(): readonly Versioned<DnsNameRecord>[];
  /** Every node of a network, in id order, lazily. */
  nodesOf(network: string): Iterable<Versioned<NodeRecord>>;
  /** Nodes of which a presence later than `sinceMs` (UTC) is written, lazily; not the controller's own. */
  nodesSeenSince(sinceMs: number): Iterable<{ readonly nodeId: string; readonly name: string }>;
  /** Every address of a network that has a record, lazily and many at a time: what the pool is rebuilt from. */
  addressesOf(network: string): Iterable<readonly string[]>;
  /**
   * Nodes that may be reclaimed, longest idle first: not connected (state -1), not reserved, address not static.
   */
  idleLongest(network: string, limit: number): readonly Versioned<NodeRecord>[];
  /** Addresses in quarantine, the one released soonest first. */
  quarantinedLongest(network: string, limit: number): readonly Versioned<AddressRecord>[];
  addressCounts(network: string): AddressCounts;
  pageNodes(filter: { network?: string; state?: number }, pageToken: string, limit: number): Page<NodeRow>;
  nodeRow(nodeId: string): NodeRow | undefined;
  nodeCounts(): { readonly total: number; readonly connected: number };
  /** Nodes without the controller's own rows; states as LiteKube numbers them. */
  nodeCountsByState(): readonly { readonly network: string; readonly state: number; readonly count: number }[];
  pageTokens(filter: { network?: string }, pageToken: string, limit: number): Page<Versioned<TokenRecord>>;
  pageServices(filter: ServiceRowFilter, pageToken: string, limit: number): Page<Versioned<ServiceRecord>>;
  serviceCount(): number;
  /** Records that admins added, by name and id. */
  pageDnsRecords(filter: { network?: string; name?: string }, pageToken: string, limit: number): Page<DnsRecordRow>;
  /** The audit log, newest first. */
  pageAudit(filter: { actor?: string; object?: string; result?: string }, pageToken: string, limit: number): Page<Versioned<AuditRecord>>;
  /** Nodes of tokens marked ephemeral that have been idle since before `beforeMs`. */
  idleEphemeral(beforeMs: number, limit: number): readonly Versioned<NodeRecord>[];
  /** Whole revisions from `fromRev` on, at most about `limit` events; undefined when compacted. */
  revisionsFrom(fromRev: bigint, limit: number): readonly AppliedRevision[] | undefined;
  /** Tokens whose time is over since before `nowMs`, for the sweeper. */
  expiredTokens(beforeMs: number, limit: number): readonly Versioned<TokenRecord>[];
}

/** A revision that this replica's projection has applied. */
export interface AppliedRevision {
  readonly rev: bigint;
  readonly atMs: number;
  readonly events: readonly StoreEvent[];
}

/** What a decision asks to be committed, and what to answer once it is. */
export interface Decision<T> {
  readonly if: readonly Compare[];
  readonly then: readonly Operation[];
  readonly result: T;
}

/** The outcome of {@link Repository.update}. */
export interface Committed<T> {
  readonly result: T;
  readonly rev: bigint;
}

/** The store as use cases see it: decide on the local view, commit, learn what was applied. */
export interface Repository {
  readonly view: LocalView;
  /**
   * Runs `decide` on the local view and commits its transaction; on a conflict waits until the view has caught up and decides
   * again. Of a transaction whose outcome is unknown the audit record tells, if it has one; else `decide` must recognise its own earlier commit. A
   * decision without operations commits nothing and answers at once. `discard` is called for each decision that
   * was not committed, to give back what it had set aside.
   *
   * @throws DomainError from `decide`; `conflict` after many rounds; `store_failed`, `store_full`, and
   *   `outcome_unknown` when it is not to be found out what became of it.
   */
  update<T>(decide: (view: LocalView) => Decision<T>, discard?: (result: T) => void): Promise<Committed<T>>;
  /** Resolves once `view` is at `rev` or later. */
  reached(rev: bigint): Promise<void>;
  /** Calls `listener` for every applied revision, in order, before the `update` that made it resolves. */
  onApplied(listener: (revision: AppliedRevision) => void): () => void;
}
