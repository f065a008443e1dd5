import type { Database } from 'better-sqlite3';
import { NodeRecord } from '../src/gen/networkcontroller/store/v1/records.js';
import { openForWriting } from '../src/server/store/database.js';
import { keys, shard } from '../src/server/store/keys.js';
import { deferIndexes } from './deferred-indexes.js';

/** As many as are written in one transaction. */
const BATCH = 50_000;
const CACHE_KIB = 1_500_000;
/** A node has a row in each of them, or several. */
const TABLES = ['network_mgr', 'addresses', 'certificates', 'audit_log'] as const;
/** What tells the nodes' rows apart beside texts: these count up, since they put nodes in an order. */
const TIMES: readonly string[] = ['created_at_ms', 'idle_since_ms'];
/** They have as many characters as those of every other node, so that a record of it needs no encoding to be another's. */
const PLACEHOLDERS = { name: 'machine-0000000', bindIp: '10.100.100.100' };

type Value = string | number | bigint | Buffer | null;
type Row = Readonly<Record<string, Value>>;
/** A value of the `n`-th node, of whom is known `texts`. */
type Column = (texts: readonly string[], n: number) => Value;

/**
 * Multiplies the only node of the store in `file`, in the first network: gives as many more as wanted the rows that its registration left, once their
 * history is forgotten, with names, addresses, ids and keys of their own. A million registrations take half an hour, so this writes the rows
 * themselves, and indexes and counters after all of them.
 *
 * @param count At most a million.
 */
export function addNodes(file: string, count: number, progress: (done: number) => void): void {
  const db = openForWriting(file);
  db.pragma('journal_mode = OFF');
  db.pragma('synchronous = OFF');
  db.pragma(`cache_size = -${CACHE_KIB}`);
  db.pragma('foreign_keys = OFF');
  const add = adder(db);
  const restore = deferIndexes(db);
  for (let n = 1; n <= count; n += BATCH) {
    db.exec('BEGIN');
    const end = Math.min(count + 1, n + BATCH);
    for (let i = n; i < end; i++) add(i);
    db.exec('COMMIT');
    progress(end - 1);
  }
  db.exec(`UPDATE counters SET n = n + ${count} WHERE name IN ('nodes', 'addresses_owned') AND network = 'default';
    UPDATE meta SET value = value + ${count} WHERE name = 'rev';
    UPDATE meta SET value = (SELECT value FROM meta WHERE name = 'rev') WHERE name = 'compact_rev';
    DELETE FROM event_log`);
  restore();
  openForWriting(file).close();
}

/** Writes all rows of the `n`-th node. */
function adder(db: Database): (n: number) => void {
  const { rows, known } = registrationIn(db);
  const lastId = db.prepare<[], number>('SELECT max(id) FROM kv').pluck().get() as number;
  const pattern = new Pattern(known);
  const kinds = ['kv', ...TABLES].map((table) => {
    const found = table === 'kv' ? rows : rows.flatMap(({ id }) => db.prepare<Value[], Row>(`SELECT * FROM ${table} WHERE id = ?`).all(id ?? 0));
    const insert = db.prepare(inserting(table, found));
    const columns = found.flatMap((row) => Object.entries(row).map(([column, value]) => pattern.column(column, value, rows, lastId)));
    return (texts: readonly string[], n: number) => insert.run(columns.map((column) => column(texts, n)));
  });
  return (n) => {
    const texts = textsOf(n, known);
    for (const write of kinds) write(texts, n);
  };
}

function inserting(table: string, rows: readonly Row[]): string {
  const columns = Object.keys(rows[0] ?? {});
  const row = `(${columns.map(() => '?').join(', ')})`;
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${rows.map(() => row).join(', ')}`;
}

/** What the registration wrote, and the texts by which one node's rows differ from another's. Octets are texts in latin-1. */
function registrationIn(db: Database): { rows: Row[]; known: string[] } {
  const [id, ...others] = db.prepare<[], string>('SELECT node_id FROM network_mgr WHERE reserved = 0').pluck().all();
  if (id === undefined || others.length > 0) throw new Error(`want one node to multiply, got ${others.length + (id === undefined ? 0 : 1)}`);
  const key = keys.node('default', id);
  const rows = db.prepare<[string], Row>('SELECT * FROM kv WHERE create_rev = (SELECT create_rev FROM kv WHERE key = ?) ORDER BY id').all(key);
  const audit = rows.map((row) => String(row['key'])).find((each) => each.startsWith(keys.audit('')))!;
  const node = NodeRecord.decode(rows.find((row) => row['key'] === key)!['value'] as Buffer);
  const secrets = [node.wgPublicKey, node.tokenHash, node.keysHash];
  return {
    rows: rows.map((row) => (row['key'] === key ? { ...row, value: Buffer.from(NodeRecord.encode({ ...node, ...PLACEHOLDERS }).finish()) } : row)),
    known: [id, node.name, node.bindIp, PLACEHOLDERS.name, PLACEHOLDERS.bindIp, node.grpcSerial, node.networkSerial, audit.slice(-12), ...secrets.flatMap((octets) => [octets.toString('latin1'), octets.toString('hex')])],
  };
}

/** The same texts of the `n`-th node, each as long; name and address are so long as the placeholders. */
function textsOf(n: number, known: readonly string[]): string[] {
  // An odd factor modulo 2⁴⁸ scatters serials and hashes as chance would, and gives none twice; ids of nodes are in the order of time.
  const hex = ((BigInt(n) * 0x9e3779b97f4bn) & 0xffffffffffffn).toString(16).padStart(12, '0');
  const name = `machine-${String(n).padStart(7, '0')}`;
  const ip = `10.${100 + Math.floor(n / 10_000)}.${100 + (Math.floor(n / 100) % 100)}.${100 + (n % 100)}`;
  const fit = (place: number, salt: string): string => `${salt}${hex}`.padEnd(known[place]!.length, '0');
  const octets = ['1', '2', '3'].flatMap((salt) => [`${salt}${hex}`.padEnd(32, '0'), Buffer.from(`${salt}${hex}`.padEnd(32, '0'), 'latin1').toString('hex')]);
  const nodeId = `a000${n.toString(16).padStart(12, '0')}`;
  return [nodeId, name, ip, name, ip, fit(5, 'A0').toUpperCase(), fit(6, 'B0').toUpperCase(), hex, ...octets];
}

/** Makes a node's values from those of the one that was registered. */
class Pattern {
  readonly #known: readonly string[];
  readonly #any: RegExp;

  constructor(known: readonly string[]) {
    this.#known = known;
    this.#any = new RegExp(known.map((text) => text.replace(/[^a-zA-Z0-9]/g, (sign) => `\\x${sign.charCodeAt(0).toString(16).padStart(2, '0')}`)).join('|'), 'g');
  }

  /** @param rows Of the registration in `kv`: whatever has the id of one is of that record. */
  column(column: string, value: Value, rows: readonly Row[], lastId: number): Column {
    if (column === 'id') return (_, n) => lastId + 1 + (n - 1) * rows.length + rows.findIndex(({ id }) => id === value);
    if (TIMES.includes(column)) return (_, n) => Number(value) - 1_000_000 + n;
    if (column === 'key') return this.#key(String(value));
    if (typeof value === 'string') return this.#text(value);
    return Buffer.isBuffer(value) ? this.#octets(value) : () => value;
  }

  #text(value: string): Column {
    const pieces = this.#pieces(value);
    if (pieces.length === 0) return () => value;
    const rest = value.slice(pieces.at(-1)!.end);
    return (texts) => pieces.reduce((text, { before, place }) => text + before + texts[place]!, '') + rest;
  }

  /** A shard belongs to what stands behind it. */
  #key(key: string): Column {
    const parts = key.split('/');
    const at = parts.findIndex((part, i) => i > 0 && this.#known.includes(part) && parts[i - 1] === shard(part));
    if (at < 0) return this.#text(key);
    const [before, place, after] = [parts.slice(0, at - 1).join('/'), this.#known.indexOf(parts[at]!), this.#text(['', ...parts.slice(at + 1)].join('/'))];
    return (texts, n) => `${before}/${shard(texts[place]!)}/${texts[place]!}${after(texts, n)}`;
  }

  #octets(value: Buffer): Column {
    const pieces = this.#pieces(value.toString('latin1'));
    return (texts) => {
      const copy = Buffer.from(value);
      for (const { place, end } of pieces) copy.write(texts[place]!, end - this.#known[place]!.length, 'latin1');
      return copy;
    };
  }

  /** Where texts stand that differ from node to node, and what is between them. */
  #pieces(value: string): { readonly before: string; readonly place: number; readonly end: number }[] {
    let from = 0;
    return [...value.matchAll(this.#any)].map(({ 0: text, index }) => {
      const piece = { before: value.slice(from, index), place: this.#known.indexOf(text), end: index + text.length };
      from = piece.end;
      return piece;
    });
  }
}
