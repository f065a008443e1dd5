import Database from 'better-sqlite3';
import fc from 'fast-check';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { keys } from '../../../src/server/store/keys.js';
import { openStore, type OpenStore } from '../../../src/server/store/open-store.js';
import { encodeRecord } from '../../../src/server/store/records.js';
import type { Operation } from '../../../src/server/store/store.js';
import { ManualClock } from '../../support/clock.js';
import { putAddress, putAudit, putCertificate, putDnsName, putName, putNode, putPresence, putService, putToken } from './records.js';
import { events, replay, tables } from './tables.js';

let opened: OpenStore;
let db: Database.Database;
const dir = mkdtempSync(join(tmpdir(), 'nc-test-'));

beforeAll(async () => {
  const file = join(dir, 'nc.db');
  opened = await openStore({ file, clock: new ManualClock(), log: silentLog });
  db = new Database(file, { readonly: true });
});
afterAll(async () => {
  db.close();
  await opened.close();
  rmSync(dir, { recursive: true });
});

const commit = (...then: Operation[]): Promise<unknown> => opened.store.txn({ if: [], then });
const row = (sql: string, ...bind: string[]): unknown => db.prepare(sql).get(...bind);

describe('a value that is no record', () => {
  const junk = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
  const unreadable: Record<string, Operation> = {
    'bytes that are none, for a node': { put: keys.node('default', 'bad'), value: junk },
    'bytes that are none, for an owner': { put: keys.name('default', 'bad'), value: junk },
    'a leader whose id is no text': { put: keys.lead('bad'), value: junk },
    'another node than its key says': { ...putNode({ id: 'other' }), put: keys.node('default', 'bad') } as Operation,
    'a node of another network than its key says': { ...putNode({ id: 'bad' }), put: keys.node('elsewhere', 'bad') } as Operation,
    'another token than its key says': { ...putToken({ id: 'other' }), put: keys.token('bad') } as Operation,
    'another certificate than its key says': { ...putCertificate({ serial: 'other' }), put: keys.certificate('bad') } as Operation,
    'another service than its key says': { ...putService({ id: 'other', name: 'x' }), put: keys.service('default', 'x', 'bad') } as Operation,
    'another DNS name than its key says': { ...putDnsName({ name: 'other.example' }), put: keys.dnsName('bad.example') } as Operation,
    'the presence of another node than its key says': { ...putPresence({ nodeId: 'other' }), put: keys.presence('default', 'bad') } as Operation,
    'a node under a key that is too short': { ...putNode({ id: 'bad' }), put: '/nc/v1/n/default/bad' } as Operation,
  };

  it.each(Object.keys(unreadable))('is refused with its key, and with all of its transaction: %s', async (what) => {
    const before = await opened.store.currentRev();
    const operation = unreadable[what] as Operation & { put: string };

    await expect(commit({ put: 'beside', value: junk }, operation)).rejects.toMatchObject({
      code: 'store_failed',
      message: expect.stringContaining(operation.put) as string,
    });
    expect(await opened.store.currentRev()).toBe(before);
    expect(await opened.store.get('beside')).toBeUndefined();
  });

  it('does not harm those who are committed together with it', async () => {
    const bad = unreadable['bytes that are none, for a node'] as Operation;
    const outcomes = await Promise.allSettled([commit(putNode({ id: 'before' })), commit(bad), commit(putNode({ id: 'after' }))]);

    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(opened.repository.view.nodeById('after')?.modRev).toBe((opened.repository.view.nodeById('before')?.modRev ?? 0n) + 1n);
  });

  it('is kept as it is under a key that is not ours', async () => {
    await commit({ put: '/elsewhere/key', value: junk }, { put: '/nc/v1/q/unknown-kind', value: junk });
    expect(Buffer.from((await opened.store.get('/nc/v1/q/unknown-kind'))?.value ?? []).toString('hex')).toBe('ffffffff');
  });
});

describe('the row of', () => {
  it('a node has what LiteKube had, with the hash of its token, and what we add', async () => {
    await commit(
      putNode({ id: 'n1', name: 'web', bindIp: '10.66.0.2', bindIp6: 'fd00::2', tokenHash: Buffer.from('ab12', 'hex'), wgPublicKey: Buffer.alloc(32, 7), staticAddress: true, createdAtMs: Date.UTC(2026, 0, 2) }),
    );

    expect(row(`SELECT *, datetime(create_time, 'utc') AS created FROM network_mgr WHERE node_id = 'n1'`)).toMatchObject({
      token: 'ab12',
      state: -1,
      bind_ip: '10.66.0.2',
      bind_ip6: 'fd00::2',
      network: 'default',
      name: 'web',
      static_address: 1,
      ephemeral: 0,
      reserved: 0,
      last_seen_ms: 0,
      created: '2026-01-02 00:00:00',
    });
  });

  it('the controller is called reserverd', async () => {
    await commit(putNode({ id: 'ctl', reserved: true, tokenHash: Buffer.from('reserverd') }), putNode({ id: 'ctl2', network: 'lab', reserved: true }));

    expect(row(`SELECT token FROM network_mgr WHERE node_id = 'ctl'`)).toEqual({ token: 'reserverd' });
    expect(row(`SELECT token FROM network_mgr WHERE node_id = 'ctl2'`)).toEqual({ token: 'reserverd/lab' });
    await commit({ del: keys.node('default', 'ctl') }, { del: keys.node('lab', 'ctl2') });
  });

  it('a node shows its presence, whichever of the two came first, and forgets it when that goes', async () => {
    const state = (id: string): unknown => row('SELECT state, last_seen_ms, idle_since_ms, endpoint, version FROM network_mgr WHERE node_id = ?', id);
    const here = { state: 3, lastSeenMs: 9_000, endpoint: '192.0.2.1:5', version: '1.0' };
    await commit(putNode({ id: 'first' }), putPresence({ nodeId: 'first', ...here }));
    await commit(putPresence({ nodeId: 'second', ...here }), putNode({ id: 'second' }));
    await commit(putNode({ id: 'second', name: 'renamed' }));

    for (const id of ['first', 'second']) {
      expect(state(id)).toEqual({ state: 3, last_seen_ms: 9_000, idle_since_ms: 9_000, endpoint: '192.0.2.1:5', version: '1.0' });
    }
    await commit({ del: keys.presence('default', 'first') });
    expect(state('first')).toEqual({ state: -1, last_seen_ms: 0, idle_since_ms: 1_000, endpoint: '', version: '' });
    await commit({ del: keys.node('default', 'second') });
    expect(state('second')).toBeUndefined();
  });

  it('a token has the hash of its secret, and no time of expiry when it has none', async () => {
    await commit(
      putToken({ id: 't1', secretHash: Buffer.from('cd34', 'hex'), label: 'edge', maxUses: 2, expiresAtMs: Date.UTC(2026, 0, 3), createdAtMs: Date.UTC(2026, 0, 2) }),
      putToken({ id: 't2' }),
    );

    const sql = `SELECT token, datetime(expire_time, 'utc') AS expires, datetime(create_time, 'utc') AS created, label, max_uses FROM token_mgr WHERE token_id = ?`;
    expect(row(sql, 't1')).toEqual({ token: 'cd34', expires: '2026-01-03 00:00:00', created: '2026-01-02 00:00:00', label: 'edge', max_uses: 2 });
    expect(row(sql, 't2')).toMatchObject({ token: 'token:t2', expires: null });
  });

  it('an address, a service, a certificate and an audit entry has its columns', async () => {
    await commit(
      putAddress('default', '10.66.0.7', { nodeId: 'n7', quarantinedUntilMs: 5 }),
      putService({ id: 's1', name: 'registry', nodeId: 'n7', address: '10.66.0.7', port: 5000, protocol: 'tcp', channel: 'beta' }),
      putCertificate({ serial: 'c1', subjectKind: 'admin', subjectId: 'alice', role: 'viewer', state: 2, notAfterMs: 77 }),
      putAudit('a1', { atMs: 42, actor: 'admin:alice', method: 'CreateToken', object: 'token:t1', result: 'ok' }),
    );

    expect(row(`SELECT network, address, node_id, token_id, quarantined_until_ms FROM addresses WHERE address = '10.66.0.7'`)).toEqual({ network: 'default', address: '10.66.0.7', node_id: 'n7', token_id: '', quarantined_until_ms: 5 });
    expect(row(`SELECT name, node_id, address, port, protocol, channel FROM services WHERE service_id = 's1'`)).toEqual({ name: 'registry', node_id: 'n7', address: '10.66.0.7', port: 5000, protocol: 'tcp', channel: 'beta' });
    expect(row(`SELECT subject_kind, subject_id, role, state, not_after_ms FROM certificates WHERE serial = 'c1'`)).toEqual({ subject_kind: 'admin', subject_id: 'alice', role: 'viewer', state: 2, not_after_ms: 77 });
    expect(row('SELECT at_ms, actor, method, object, result FROM audit_log')).toEqual({ at_ms: 42, actor: 'admin:alice', method: 'CreateToken', object: 'token:t1', result: 'ok' });
  });
});

describe('the rows of a DNS name', () => {
  const ids = (name: string): unknown[] => db.prepare('SELECT record_id FROM dns_records WHERE name = ? ORDER BY record_id').pluck().all(name);

  it('are its records, replaced as a whole and gone with it', async () => {
    const name = 'www.nc.internal';
    await commit(putDnsName({ name, records: [{ id: 'r1', network: 'lab', type: 'A', value: '10.0.0.1', ttlSeconds: 60, createdAtMs: 7, createdBy: 'local' }, { id: 'r2', type: 'TXT', value: 'x' }] }));
    expect(row(`SELECT name, network, type, value, ttl_seconds, created_at_ms, created_by FROM dns_records WHERE record_id = 'r1'`)).toEqual({ name, network: 'lab', type: 'A', value: '10.0.0.1', ttl_seconds: 60, created_at_ms: 7, created_by: 'local' });

    await commit(putDnsName({ name, records: [{ id: 'r2', type: 'TXT', value: 'x' }, { id: 'r3' }] }));
    expect(ids(name)).toEqual(['r2', 'r3']);
    await commit({ del: keys.dnsName(name) });
    expect(ids(name)).toEqual([]);
  });
});

describe('the tables', () => {
  const id = fc.constantFrom('a', 'b', 'c');
  const network = fc.constantFrom('default', 'lab');
  const operation: fc.Arbitrary<Operation> = fc.oneof(
    fc.tuple(id, network, fc.boolean(), fc.boolean()).map(([i, n, staticAddress, ephemeral]) => putNode({ id: `${n}-${i}`, network: n, staticAddress, ephemeral })),
    fc.tuple(id, network, fc.constantFrom(-1, 1, 3), fc.nat(5_000)).map(([i, n, state, lastSeenMs]) => putPresence({ nodeId: `${n}-${i}`, state, lastSeenMs }, n)),
    fc.tuple(id, network, fc.constantFrom('', 'x'), fc.constantFrom('', 't')).map(([i, n, nodeId, tokenId]) => putAddress(n, i, { nodeId, tokenId, quarantinedUntilMs: 9 })),
    fc.tuple(id, network).map(([i, n]) => putService({ id: i, name: 'svc', network: n })),
    id.map((i) => putToken({ id: i })),
    fc.tuple(id, fc.uniqueArray(id)).map(([name, ids]) => putDnsName({ name, records: ids.map((i) => ({ id: i, type: 'A' })) })),
    id.map((i) => ({ del: keys.dnsName(i) })),
    fc.tuple(id, network).map(([i, n]) => putName(n, i, { nodeId: i })),
    fc.tuple(id, network).map(([i, n]) => ({ del: keys.node(n, `${n}-${i}`) })),
    fc.tuple(id, network).map(([i, n]) => ({ del: keys.presence(n, `${n}-${i}`) })),
    fc.tuple(id, network).map(([i, n]) => ({ del: keys.address(n, i) })),
    fc.tuple(id, network).map(([i, n]) => ({ del: keys.service(n, 'svc', i) })),
    id.map((i) => ({ del: keys.token(i) })),
  );
  const keyOf = (op: Operation): string => ('put' in op ? op.put : op.del);
  const transaction = fc.uniqueArray(operation, { selector: keyOf, maxLength: 6 });

  it('follow from the events alone, counters included', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(transaction, { maxLength: 12 }), async (transactions) => {
        for (const then of transactions) await commit(...then);

        expect(tables(db)).toEqual(replay(events(db)));
        for (const name of ['default', 'lab']) expect(opened.repository.view.addressCounts(name)).toEqual(countedAddresses(name));
        expect(opened.repository.view.nodeCounts()).toEqual(
          row('SELECT count(*) AS total, coalesce(sum(state = 3), 0) AS connected FROM network_mgr WHERE reserved = 0'),
        );
        for (const name of ['default', 'lab']) expect(opened.repository.view.idleLongest(name, 99).map(({ value }) => value.id)).toEqual(reclaimable(name));
        expect(opened.repository.view.serviceCount()).toBe(db.prepare('SELECT count(*) FROM services').pluck().get());
      }),
      { numRuns: 15 },
    );
  });

  /** Who may be reclaimed, found the slow way. */
  function reclaimable(name: string): string[] {
    const { view } = opened.repository;
    const rows = [...view.nodesOf(name)].map(({ value }) => ({ node: value, presence: view.presence(name, value.id)?.value }));
    const idle = rows.filter(({ node, presence }) => !node.reserved && !node.staticAddress && (presence?.state ?? -1) === -1);
    const since = ({ node, presence }: (typeof rows)[number]): number => Math.max(node.createdAtMs, presence?.lastSeenMs ?? 0);
    const rank = (id: string): number => db.prepare<[string], number>('SELECT id FROM network_mgr WHERE node_id = ?').pluck().get(id) ?? 0;
    return idle.sort((a, b) => since(a) - since(b) || rank(a.node.id) - rank(b.node.id)).map(({ node }) => node.id);
  }

  function countedAddresses(name: string): { owned: number; quarantined: number } {
    const { view } = opened.repository;
    const all = [...view.addressesOf(name)].flat().map((address) => view.address(name, address)?.value);
    const resting = all.filter((record) => record?.nodeId === '' && record.tokenId === '');
    return { owned: all.length - resting.length, quarantined: resting.length };
  }

  it('hold the bytes of the record that was written', async () => {
    const value = encodeRecord('network', { name: 'lab', cidr: '10.1.0.0/16', cidr6: '', mtu: 1280, interconnection: true, createdAtMs: 1, gatewayNodeId: '' });
    await commit({ put: keys.network('lab'), value });
    expect(row('SELECT value FROM kv WHERE key = ?', keys.network('lab'))).toEqual({ value: Buffer.from(value) });
  });
});
