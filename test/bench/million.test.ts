import Database from 'better-sqlite3';
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { addNodes } from '../../bench/million.js';
import { serverSettings } from '../../bench/server.js';
import { prepareMembers } from '../../bench/simulate/prepare.js';
import { readServerConfig } from '../../src/platform/config/server-config.js';
import { silentLog } from '../../src/platform/log.js';
import { AddressPools } from '../../src/server/services/address-pools.js';
import { keys, kindOf } from '../../src/server/store/keys.js';
import { openStore } from '../../src/server/store/open-store.js';
import { decodeRecord } from '../../src/server/store/records.js';
import { ManualClock } from '../support/clock.js';
import { tmpDir } from '../support/tmp-dir.js';

type Row = Record<string, unknown>;

/** A server's folder with nodes that have joined. @returns its store. */
async function joined(nodes: number): Promise<string> {
  const folder = tmpDir();
  writeFileSync(join(folder, 'server.yml'), JSON.stringify({ server: serverSettings(folder) }));
  await prepareMembers({ config: readServerConfig(join(folder, 'server.yml')), nodes });
  return join(folder, 'work', 'db', 'nc.db');
}

/** The last node's rows by table, and its records by kind. */
function lastNode(file: string): Map<string, Row[]> {
  const db = new Database(file, { readonly: true });
  try {
    const { id } = db.prepare(`SELECT id FROM kv WHERE key >= '/nc/v1/n/' AND key < '/nc/v1/n0' ORDER BY id DESC`).get() as { id: number };
    const records = db.prepare('SELECT * FROM kv WHERE id >= ? ORDER BY id').all(id) as { id: number; key: string; value: Buffer }[];
    const rows = (table: string): Row[] => records.flatMap((record) => db.prepare(`SELECT * FROM ${table} WHERE id = ?`).all(record.id) as Row[]);
    return new Map<string, Row[]>([
      ...['network_mgr', 'addresses', 'certificates', 'audit_log'].map((table) => [table, rows(table)] satisfies [string, Row[]]),
      ...records.map(({ key, value }) => [String(kindOf(key)), [decodeRecord(kindOf(key)!, key, value) as unknown as Row]] satisfies [string, Row[]]),
    ]);
  } finally {
    db.close();
  }
}

/** What a value looks like; all of a column of one kind of row look the same. */
function shapeOf(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.length === 0 ? 'no octets' : 'octets';
  if (typeof value === 'string') return value.replace(/[0-9a-f]{12,}/gi, 'hex').replace(/\d+/g, '9').replace(/(machine|agent)-9/, 'name');
  return typeof value === 'number' ? Math.sign(value) : value;
}

const shapes = (found: Map<string, Row[]>): unknown => [...found].map(([what, rows]) => [what, rows.map((row) => Object.fromEntries(Object.entries(row).map(([column, value]) => [column, shapeOf(value)])))]);

describe('nodes that a bench adds by their rows', () => {
  it.each([0, 2])('are refused where %i have joined', async (nodes) => {
    const file = await joined(nodes);

    expect(() => addNodes(file, 1, () => {})).toThrow(/want one node/);
  });

  it('have the rows and records that a join leaves', async () => {
    const [real, added] = [await joined(1), await joined(1)];

    addNodes(added, 3, () => {});

    expect(shapes(lastNode(added))).toEqual(shapes(lastNode(real)));
  });

  it('share nothing that is one node’s own, and agree within themselves', async () => {
    const file = await joined(1);
    addNodes(file, 200, () => {});
    const { repository, close } = await openStore({ file, clock: new ManualClock(), log: silentLog });
    onTestFinished(close);
    const { view } = repository;

    const nodes = [...view.nodesOf('default')].map(({ value }) => value).filter(({ reserved }) => !reserved);

    expect(nodes).toHaveLength(201);
    for (const own of ['id', 'name', 'bindIp', 'grpcSerial', 'networkSerial'] as const) expect(new Set(nodes.map((node) => node[own])).size).toBe(201);
    for (const node of nodes) {
      const key = node.wgPublicKey.toString('hex');
      const owners = [view.nameOwner('default', node.name), view.wireguardKeyOwner(key), view.exchange(node.tokenId, node.keysHash.toString('hex'))].map((owner) => owner?.value.nodeId);
      expect([...owners, view.certificate(node.grpcSerial)?.value.subjectId, view.certificate(node.networkSerial)?.value.subjectId]).toEqual(Array(5).fill(node.id));
      // The first is here under a name and address of its own, and in its record under those that all others are made from.
      if (node.name.startsWith('machine')) expect(view.address('default', node.bindIp)?.value.nodeId).toBe(node.id);
    }
    expect(view.nodeCounts()).toEqual({ total: 201, connected: 0 });
    expect(view.idleLongest('default', 64)).toHaveLength(64);
    expect(new AddressPools(repository).claimLowest('default')?.bindIp).toBe('10.0.0.3');
  });

  it('leave a file whose indexes are all there and right', async () => {
    const [real, added] = [await joined(1), await joined(1)];
    addNodes(added, 50, () => {});
    const schema = (file: string): unknown => {
      const db = new Database(file, { readonly: true });
      onTestFinished(() => void db.close());
      const faults = (db.pragma('integrity_check') as { integrity_check: string }[]).map((row) => row.integrity_check);
      return { faults: faults.filter((fault) => fault !== 'ok' && !/never used/.test(fault)), foreign: db.pragma('foreign_key_check'), names: db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name').all() };
    };

    expect(schema(added)).toEqual(schema(real));
  });

  it('can be followed by one that joins', async () => {
    const file = await joined(1);
    addNodes(file, 5, () => {});
    const { store, close } = await openStore({ file, clock: new ManualClock(), log: silentLog });
    onTestFinished(close);

    const taken = await store.txn({ if: [{ key: keys.address('default', '10.100.100.101'), absent: true }], then: [] });
    const free = await store.txn({ if: [{ key: keys.address('default', '10.100.100.106'), absent: true }], then: [{ put: keys.clock(), value: Buffer.alloc(0) }] });

    expect([taken.ok, free.ok]).toEqual([false, true]);
  });
});
