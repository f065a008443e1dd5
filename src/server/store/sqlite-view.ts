import type { AddressRecord, NodeRecord, ServiceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import { keys, prefixOf } from './keys.js';
import type { KvRow } from './kv-row.js';
import type { AddressCounts, AppliedRevision, DnsRecordRow, LocalView, NodeRow, Page, ServiceRowFilter, Versioned } from './local-view.js';
import { NODE_ROWS, pageAudit, pageDnsRecords, pageNodes, pageServices, pageTokens, toNodeRow, type NodeViewRow } from './pages.js';
import { RECORD, RecordReader, versioned, type Bind } from './record-reader.js';
import type { RecordOf } from './records.js';
import { RevisionMemo } from './revision-memo.js';
import type { Snapshot } from './snapshot.js';

/** How many rows a lazy walk reads at a time. */
const WALK_PAGE = 500;

const NODES = `SELECT ${RECORD} FROM network_mgr t JOIN kv USING (id)`;
const SERVICES = `SELECT ${RECORD} FROM services t JOIN kv USING (id)`;
const UNDER = 'FROM kv WHERE key > ? AND key < ?';

/** A node that was seen, and when. */
interface SeenRow {
  readonly id: number;
  readonly nodeId: string;
  readonly name: string;
  readonly seenMs: number;
}

/**
 * The local view on this replica's tables, as of its snapshot. A lazy walk that outlives its turn of the event loop goes on in whatever
 * the snapshot is by then: it misses and repeats nothing that stays.
 */
export class SqliteView implements LocalView {
  readonly #snapshot: Snapshot;
  readonly #reader: RecordReader;
  /** What nearly every request reads, and few change. */
  readonly #memo: RevisionMemo;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#reader = new RecordReader(snapshot.db);
    this.#memo = new RevisionMemo(snapshot);
  }

  get rev(): bigint {
    return this.#snapshot.rev;
  }

  get oldestRev(): bigint {
    return this.#snapshot.log.compactRev + 1n;
  }

  clock(): Versioned<RecordOf['clock']> | undefined {
    return this.#reader.at('clock', keys.clock());
  }

  cluster(): Versioned<RecordOf['cluster']> | undefined {
    return this.#reader.at('cluster', keys.cluster());
  }

  network(name: string): Versioned<RecordOf['network']> | undefined {
    return this.#memo.find(`network ${name}`, () => this.#reader.at('network', keys.network(name)));
  }

  networks(): readonly Versioned<RecordOf['network']>[] {
    return this.#memo.find('networks', () => this.#reader.all('network', `SELECT ${RECORD} ${UNDER} ORDER BY key`, ...range(prefixOf('network'))));
  }

  nodeById(nodeId: string): Versioned<NodeRecord> | undefined {
    return this.#reader.one('node', `${NODES} WHERE t.node_id = ?`, nodeId);
  }

  nodeByName(network: string, name: string): Versioned<NodeRecord> | undefined {
    const owner = this.nameOwner(network, name);
    return owner && this.#reader.at('node', keys.node(network, owner.value.nodeId));
  }

  nameOwner(network: string, name: string): Versioned<RecordOf['name']> | undefined {
    return this.#reader.at('name', keys.name(network, name));
  }

  wireguardKeyOwner(hex: string): Versioned<RecordOf['wireguardKey']> | undefined {
    return this.#reader.at('wireguardKey', keys.wireguardKey(hex));
  }

  address(network: string, address: string): Versioned<AddressRecord> | undefined {
    return this.#reader.at('address', keys.address(network, address));
  }

  token(tokenId: string): Versioned<RecordOf['token']> | undefined {
    return this.#memo.find(`token ${tokenId}`, () => this.#reader.at('token', keys.token(tokenId)));
  }

  tokenUse(tokenId: string, n: number): Versioned<RecordOf['use']> | undefined {
    return this.#reader.at('use', keys.use(tokenId, n));
  }

  tokenUses(tokenId: string): number {
    return this.#reader.number(`SELECT count(*) AS n ${UNDER}`, ...range(keys.exchange(tokenId, '')));
  }

  exchange(tokenId: string, keysHash: string): Versioned<RecordOf['exchange']> | undefined {
    return this.#reader.at('exchange', keys.exchange(tokenId, keysHash));
  }

  certificate(serial: string): Versioned<RecordOf['certificate']> | undefined {
    return this.#reader.at('certificate', keys.certificate(serial));
  }

  certificatesOf(subjectKind: string, subjectId: string): readonly Versioned<RecordOf['certificate']>[] {
    const sql = `SELECT ${RECORD} FROM certificates t JOIN kv USING (id) WHERE t.subject_kind = ? AND t.subject_id = ? ORDER BY t.id`;
    return this.#reader.all('certificate', sql, subjectKind, subjectId);
  }

  certificatesOfKind(subjectKind: string): readonly Versioned<RecordOf['certificate']>[] {
    const sql = `SELECT ${RECORD} FROM certificates t JOIN kv USING (id) WHERE t.subject_kind = ? ORDER BY t.subject_id, t.id`;
    return this.#reader.all('certificate', sql, subjectKind);
  }

  revokedCertificates(purpose: string, nowMs: number): readonly Versioned<RecordOf['certificate']>[] {
    const sql = `SELECT ${RECORD} FROM certificates t INDEXED BY certificates_revoked JOIN kv USING (id)
      WHERE t.state = 4 AND t.purpose = ? AND t.not_after_ms > ? ORDER BY t.serial`;
    return this.#reader.all('certificate', sql, purpose, nowMs);
  }

  liveCertificates(purpose: string, caGeneration: number, nowMs: number): { readonly count: number; readonly lastEndsAtMs: number } {
    const sql = `SELECT count(*) AS count, ifnull(max(not_after_ms), 0) AS lastEndsAtMs FROM certificates
      WHERE purpose = ? AND ca_generation = ? AND state < 3 AND not_after_ms > ?`;
    const [row] = this.#reader.rows<{ count: number; lastEndsAtMs: number }>(sql, purpose, caGeneration, nowMs);
    return row ?? { count: 0, lastEndsAtMs: 0 };
  }

  apiToken(id: string): Versioned<RecordOf['apiToken']> | undefined {
    return this.#reader.at('apiToken', keys.apiToken(id));
  }

  apiTokens(): readonly Versioned<RecordOf['apiToken']>[] {
    return this.#reader.all('apiToken', `SELECT ${RECORD} ${UNDER} ORDER BY key`, ...range(prefixOf('apiToken')));
  }

  relay(name: string): Versioned<RecordOf['relay']> | undefined {
    return this.#reader.at('relay', keys.relay(name));
  }

  replicas(): readonly Versioned<RecordOf['replica']>[] {
    return this.#memo.find('replicas', () => this.#reader.all('replica', `SELECT ${RECORD} ${UNDER} ORDER BY key`, ...range(prefixOf('replica'))));
  }

  leads(): readonly Versioned<RecordOf['lead']>[] {
    return this.#reader.all('lead', `SELECT ${RECORD} ${UNDER} ORDER BY key`, ...range(prefixOf('lead')));
  }

  relays(): readonly Versioned<RecordOf['relay']>[] {
    return this.#reader.all('relay', `SELECT ${RECORD} ${UNDER} ORDER BY key`, ...range(prefixOf('relay')));
  }

  crl(): Versioned<RecordOf['crl']> | undefined {
    return this.#reader.at('crl', keys.crl());
  }

  cas(purpose: string): readonly Versioned<RecordOf['ca']>[] {
    return this.#reader.all('ca', `SELECT ${RECORD} ${UNDER} ORDER BY key`, ...range(prefixOf('ca', purpose)));
  }

  bundles(afterVersion: number): readonly Versioned<RecordOf['bundle']>[] {
    const all = this.#memo.find('bundles', () => this.#reader.all('bundle', `SELECT ${RECORD} ${UNDER} ORDER BY key`, ...range(prefixOf('bundle'))));
    return all.filter((entry) => entry.value.version > afterVersion);
  }

  presence(network: string, nodeId: string): Versioned<RecordOf['presence']> | undefined {
    return this.#reader.at('presence', keys.presence(network, nodeId));
  }

  nodeBundle(network: string, nodeId: string): Versioned<RecordOf['nodeBundle']> | undefined {
    return this.#reader.at('nodeBundle', keys.nodeBundle(network, nodeId));
  }

  nodeBundles(): readonly Versioned<RecordOf['nodeBundle']>[] {
    return this.#reader.all('nodeBundle', `SELECT ${RECORD} ${UNDER}`, ...range(prefixOf('nodeBundle')));
  }

  service(network: string, id: string): Versioned<ServiceRecord> | undefined {
    if (network === '') return this.#reader.one('service', `${SERVICES} WHERE t.service_id = ?`, id);
    return this.#reader.one('service', `${SERVICES} WHERE t.service_id = ? AND t.network = ?`, id, network);
  }

  *servicesOf(network: string, name?: string): Generator<Versioned<ServiceRecord>> {
    const filter = name === undefined ? { network } : { network, name };
    let next = '';
    do {
      const page = this.pageServices(filter, next, WALK_PAGE);
      yield* page.items;
      next = page.next;
    } while (next !== '');
  }

  servicesOfNode(nodeId: string): readonly Versioned<ServiceRecord>[] {
    return this.#reader.all('service', `${SERVICES} WHERE t.node_id = ? ORDER BY t.id`, nodeId);
  }

  dnsName(name: string): Versioned<RecordOf['dnsName']> | undefined {
    return this.#reader.at('dnsName', keys.dnsName(name));
  }

  dnsNameOfRecord(recordId: string): Versioned<RecordOf['dnsName']> | undefined {
    return this.#reader.one('dnsName', `SELECT ${RECORD} FROM dns_records t JOIN kv USING (id) WHERE t.record_id = ?`, recordId);
  }

  dnsNames(): readonly Versioned<RecordOf['dnsName']>[] {
    return this.#reader.all('dnsName', `SELECT ${RECORD} ${UNDER} ORDER BY key`, ...range(prefixOf('dnsName')));
  }

  *nodesOf(network: string): Generator<Versioned<NodeRecord>> {
    const sql = `${NODE_ROWS} WHERE t.network = ? AND t.node_id > ? ORDER BY t.node_id LIMIT ${WALK_PAGE}`;
    for (const row of this.#walk<NodeViewRow>(sql, network, (row) => row.node_id)) yield versioned('node', row);
  }

  *nodesSeenSince(sinceMs: number): Generator<{ readonly nodeId: string; readonly name: string }> {
    const sql = `SELECT id, node_id AS nodeId, name, last_seen_ms AS seenMs FROM network_mgr INDEXED BY network_mgr_seen
      WHERE reserved = 0 AND last_seen_ms > 0 AND (last_seen_ms, id) > (?, ?) ORDER BY last_seen_ms, id LIMIT ${WALK_PAGE}`;
    const start = { seenMs: sinceMs, id: Number.MAX_SAFE_INTEGER };
    const read = ({ seenMs, id }: Pick<SeenRow, 'seenMs' | 'id'> = start): SeenRow[] => this.#reader.rows(sql, seenMs, id);
    for (const page of pages(read)) yield* page;
  }

  *addressesOf(network: string): Generator<readonly string[]> {
    // Its index holds all that is asked for; the rows themselves are not read.
    const sql = `SELECT address FROM addresses WHERE network = ? AND address > ? ORDER BY address LIMIT ${WALK_PAGE}`;
    yield* pages((last = '') => this.#reader.column(sql, network, last));
  }

  *presences(): Generator<Versioned<RecordOf['presence']>> {
    const [from, to] = range(prefixOf('presence'));
    const sql = `SELECT ${RECORD} FROM kv WHERE key < ? AND key > ? ORDER BY key LIMIT ${WALK_PAGE}`;
    for (const row of this.#walk<KvRow>(sql, to, ({ key }) => key, from)) yield versioned('presence', row);
  }

  // The partial indexes below are named, since the planner has no statistics and may take another; they fit only while
  // the conditions stay literals.

  idleLongest(network: string, limit: number): readonly Versioned<NodeRecord>[] {
    const sql = `SELECT ${RECORD} FROM network_mgr t INDEXED BY network_mgr_idle JOIN kv USING (id)
      WHERE t.state = -1 AND t.reserved = 0 AND t.static_address = 0 AND t.network = ? ORDER BY t.idle_since_ms LIMIT ?`;
    return this.#reader.all('node', sql, network, limit);
  }

  idleEphemeral(beforeMs: number, limit: number): readonly Versioned<NodeRecord>[] {
    const sql = `SELECT ${RECORD} FROM network_mgr t INDEXED BY network_mgr_ephemeral JOIN kv USING (id)
      WHERE t.state = -1 AND t.reserved = 0 AND t.ephemeral = 1 AND t.idle_since_ms < ? ORDER BY t.idle_since_ms LIMIT ?`;
    return this.#reader.all('node', sql, beforeMs, limit);
  }

  quarantinedLongest(network: string, limit: number): readonly Versioned<AddressRecord>[] {
    const sql = `SELECT ${RECORD} FROM addresses t INDEXED BY addresses_quarantined JOIN kv USING (id)
      WHERE t.node_id = '' AND t.token_id = '' AND t.network = ? ORDER BY t.quarantined_until_ms LIMIT ?`;
    return this.#reader.all('address', sql, network, limit);
  }

  addressCounts(network: string): AddressCounts {
    const sql = 'SELECT n FROM counters WHERE name = ? AND network = ?';
    return {
      owned: this.#reader.number(sql, 'addresses_owned', network),
      quarantined: this.#reader.number(sql, 'addresses_quarantined', network),
    };
  }

  pageNodes(filter: { network?: string; state?: number }, token: string, limit: number): Page<NodeRow> {
    return pageNodes(this.#reader, filter, token, limit);
  }

  nodeRow(nodeId: string): NodeRow | undefined {
    const [row] = this.#reader.rows<NodeViewRow>(`${NODE_ROWS} WHERE t.node_id = ?`, nodeId);
    return row && toNodeRow(row);
  }

  nodeCounts(): { readonly total: number; readonly connected: number } {
    return { total: this.#total('nodes'), connected: this.#total('nodes_connected') };
  }

  nodeCountsByState(): readonly { readonly network: string; readonly state: number; readonly count: number }[] {
    // Most are idle or connected, which is counted as it changes; only those on the way between the two are counted here.
    const busy = this.#reader.rows<{ network: string; state: number; count: number }>(
      `SELECT network, 3 AS state, n AS count FROM counters WHERE name = 'nodes_connected'
       UNION ALL SELECT network, state, count(*) FROM network_mgr INDEXED BY network_mgr_state WHERE state = 1 AND reserved = 0 GROUP BY network`,
    );
    const all = this.#reader.rows<{ network: string; count: number }>("SELECT network, n AS count FROM counters WHERE name = 'nodes'");
    const busyIn = (network: string): number => busy.reduce((sum, row) => sum + (row.network === network ? row.count : 0), 0);
    return [...busy, ...all.map(({ network, count }) => ({ network, state: -1, count: count - busyIn(network) }))];
  }

  pageTokens(filter: { network?: string }, token: string, limit: number): Page<Versioned<RecordOf['token']>> {
    return pageTokens(this.#reader, filter, token, limit);
  }

  pageServices(filter: ServiceRowFilter, token: string, limit: number): Page<Versioned<ServiceRecord>> {
    return pageServices(this.#reader, filter, token, limit);
  }

  pageDnsRecords(filter: { network?: string; name?: string }, token: string, limit: number): Page<DnsRecordRow> {
    return pageDnsRecords(this.#reader, filter, token, limit);
  }

  serviceCount(): number {
    return this.#total('services');
  }

  pageAudit(filter: { actor?: string; object?: string; result?: string }, token: string, limit: number): Page<Versioned<RecordOf['audit']>> {
    return pageAudit(this.#reader, filter, token, limit);
  }

  revisionsFrom(fromRev: bigint, limit: number): readonly AppliedRevision[] | undefined {
    return this.#snapshot.log.revisionsFrom(fromRev, limit);
  }

  expiredTokens(beforeMs: number, limit: number): readonly Versioned<RecordOf['token']>[] {
    const sql = `SELECT ${RECORD} FROM token_mgr t JOIN kv USING (id)
      WHERE t.expires_at_ms > 0 AND t.expires_at_ms < ? ORDER BY t.expires_at_ms LIMIT ?`;
    return this.#reader.all('token', sql, beforeMs, limit);
  }

  #total(counter: string): number {
    return this.#reader.number('SELECT sum(n) AS n FROM counters WHERE name = ?', counter);
  }

  *#walk<R>(sql: string, filter: Bind, sortKey: (row: R) => Bind, start: Bind = ''): Generator<R> {
    for (const page of pages((last: R | undefined) => this.#reader.rows<R>(sql, filter, last === undefined ? start : sortKey(last)))) yield* page;
  }
}

/**
 * Pages rather than one open cursor, which would keep the snapshot from moving on.
 *
 * @param read Reads those after `last`, at most {@link WALK_PAGE}; the first ones without it.
 */
function* pages<R>(read: (last: R | undefined) => R[]): Generator<R[]> {
  let page: R[] = [];
  do {
    page = read(page.at(-1));
    yield page;
  } while (page.length === WALK_PAGE);
}

/** Every key under a prefix that ends in a slash: from the slash to its successor in Unicode. */
function range(prefix: string): [string, string] {
  return [prefix, `${prefix.slice(0, -1)}0`];
}
