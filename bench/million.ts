import type { Database } from 'better-sqlite3';
import { AddressRecord, CertificateRecord, CertificateRecord_State, NodeRecord, OwnerRecord } from '../src/gen/networkcontroller/store/v1/records.js';
import { openForWriting } from '../src/server/store/database.js';
import { keys } from '../src/server/store/keys.js';

/** As many as are written in one transaction. */
const BATCH = 50_000;
const DAY_MS = 86_400_000;
const CACHE_KIB = 1_500_000;
/** Its name and address have as many characters as every other's, so that its records are patterns for theirs. */
const FIRST = { id: 'a000000000000000', name: 'machine-0000000', ip: '10.100.100.100', key: 'k'.repeat(32), grpc: 'A0'.repeat(16), network: 'B0'.repeat(16) };

/**
 * Adds registered nodes to the store in `file`, in the first network: each with its address, name, key and certificates, as registrations
 * leave them once their history is forgotten. A million registrations through the writer take half an hour, so this writes the rows
 * themselves, and indexes and counters after all of them.
 *
 * @param count At most a million.
 */
export function addNodes(file: string, count: number, progress: (done: number) => void): void {
  const db = openForWriting(file);
  db.pragma('synchronous = OFF');
  db.pragma('journal_mode = OFF');
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma('foreign_keys = OFF');
  const restore = setAsideIndexes(db);
  const add = adder(db, Date.now());
  for (let n = 0; n < count; n += BATCH) {
    db.exec('BEGIN');
    for (let i = n; i < Math.min(count, n + BATCH); i++) add(i);
    db.exec('COMMIT');
    progress(Math.min(count, n + BATCH));
  }
  restore();
  db.exec(`UPDATE counters SET n = n + ${count} WHERE name IN ('nodes', 'addresses_owned') AND network = 'default';
    INSERT OR IGNORE INTO counters (name, network, n) VALUES ('nodes', 'default', ${count}), ('nodes_connected', 'default', 0);
    UPDATE meta SET value = value + ${count} WHERE name = 'rev';
    UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'rev') WHERE name = 'compact_rev';
    DELETE FROM event_log`);
  db.pragma('journal_mode = WAL');
  db.close();
}

/** Takes indexes and triggers away. @returns Makes them again. */
function setAsideIndexes(db: Database): () => void {
  const found = db.prepare<[], { type: string; name: string; sql: string }>(`SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL`).all();
  for (const { type, name } of found) db.exec(`DROP ${type} ${name}`);
  return () => found.forEach(({ sql }) => db.exec(sql));
}

function adder(db: Database, nowMs: number): (n: number) => void {
  const kv = db.prepare('INSERT INTO kv (key, value, create_rev, mod_rev, expire_at_ms) VALUES (?, ?, 1, 1, ?)');
  const node = db.prepare(`INSERT INTO network_mgr (id, token, state, bind_ip, node_id, network, name, bind_ip6, wg_public_key, reserved, static_address, ephemeral, created_at_ms,
    revoked_at_ms, mod_rev, idle_since_ms) VALUES (?, ?, -1, ?, ?, 'default', ?, '', ?, 0, 0, 0, ?, 0, 1, ?)`);
  const address = db.prepare(`INSERT INTO addresses (id, network, address, node_id, token_id, quarantined_until_ms, mod_rev) VALUES (?, 'default', ?, ?, '', 0, 1)`);
  const certificate = db.prepare(`INSERT INTO certificates (id, serial, subject_kind, subject_id, network, purpose, state, not_after_ms, role, revoked_at_ms, ca_generation, mod_rev)
    VALUES (?, ?, 'node', ?, 'default', ?, 2, ?, '', 0, 1, 1)`);
  const patterns = patternsOf(nowMs);
  const put = (key: string, value: Buffer, expireAtMs: number | null = null): number => Number(kv.run(key, value, expireAtMs).lastInsertRowid);
  return (n) => {
    const made = madeOf(n);
    const createdAtMs = nowMs - DAY_MS + n;
    node.run(put(keys.node('default', made.id), patterns.node(made)), made.id, made.ip, made.id, made.name, Buffer.from(made.key, 'latin1'), createdAtMs, createdAtMs);
    put(keys.name('default', made.name), patterns.owner(made));
    put(keys.wireguardKey(Buffer.from(made.key, 'latin1').toString('hex')), patterns.owner(made));
    address.run(put(keys.address('default', made.ip), patterns.address(made)), made.ip, made.id);
    for (const purpose of ['grpc', 'network'] as const) {
      const serial = made[purpose];
      certificate.run(put(keys.certificate(serial), patterns[purpose](made), nowMs + DAY_MS), serial, made.id, purpose, nowMs + DAY_MS);
    }
  };
}

type Made = typeof FIRST;

function madeOf(n: number): Made {
  // An odd factor modulo 2⁴⁸ scatters the ids as chance would, and gives none twice.
  const hex = ((BigInt(n) * 0x9e3779b97f4bn) & 0xffffffffffffn).toString(16).padStart(12, '0');
  const ip = `10.${100 + Math.floor(n / 10_000)}.${100 + (Math.floor(n / 100) % 100)}.${100 + (n % 100)}`;
  return { id: `a000${hex}`, name: `machine-${String(n).padStart(7, '0')}`, ip, key: `${hex}${'k'.repeat(20)}`, grpc: `A000${hex.toUpperCase().repeat(2)}0000`, network: `B000${hex.toUpperCase().repeat(2)}0000` };
}

/** Makes each kind of record by writing over what differs from the first node's. */
function patternsOf(nowMs: number): Record<'node' | 'owner' | 'address' | 'grpc' | 'network', (made: Made) => Buffer> {
  const certificate = (purpose: 'grpc' | 'network') =>
    pattern(CertificateRecord.encode(CertificateRecord.fromPartial({ serial: FIRST[purpose], subjectKind: 'node', subjectId: FIRST.id, network: 'default', purpose, state: CertificateRecord_State.STATE_CURRENT, notAfterMs: nowMs + DAY_MS, caGeneration: 1 })).finish());
  const node = NodeRecord.fromPartial({
    id: FIRST.id, network: 'default', name: FIRST.name, bindIp: FIRST.ip, wgPublicKey: Buffer.from(FIRST.key), tokenHash: Buffer.alloc(32, 1), grpcSpki: Buffer.alloc(91, 2),
    networkCertificate: Buffer.alloc(760, 3), tokenId: '0123456789abcdef', keysHash: Buffer.alloc(32, 4), createdAtMs: nowMs - DAY_MS, grpcSerial: FIRST.grpc, networkSerial: FIRST.network, certificateExpiresAtMs: nowMs + DAY_MS,
  });
  return {
    node: pattern(NodeRecord.encode(node).finish()),
    owner: pattern(OwnerRecord.encode({ nodeId: FIRST.id, network: 'default' }).finish()),
    address: pattern(AddressRecord.encode(AddressRecord.fromPartial({ nodeId: FIRST.id })).finish()),
    grpc: certificate('grpc'),
    network: certificate('network'),
  };
}

function pattern(bytes: Uint8Array): (made: Made) => Buffer {
  const first = Buffer.from(bytes);
  const places = (Object.keys(FIRST) as (keyof Made)[]).map((field) => [field, first.indexOf(FIRST[field], 0, 'latin1')] as const).filter(([, at]) => at >= 0);
  return (made) => {
    const copy = Buffer.from(first);
    for (const [field, at] of places) copy.write(made[field], at, 'latin1');
    return copy;
  };
}
