import type { Database } from 'better-sqlite3';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { keys } from '../../../src/server/store/keys.js';
import type { LocalView, Page } from '../../../src/server/store/local-view.js';
import { encodeRecord } from '../../../src/server/store/records.js';
import { openStore, type OpenStore } from '../../../src/server/store/open-store.js';
import type { Snapshot } from '../../../src/server/store/snapshot.js';
import type { SqliteStore } from '../../../src/server/store/sqlite-store.js';
import { SqliteView } from '../../../src/server/store/sqlite-view.js';
import type { Operation } from '../../../src/server/store/store.js';
import { ManualClock } from '../../support/clock.js';
import { putAddress, putAudit, putCertificate, putName, putNode, putPresence, putService, putToken } from './records.js';

let opened: OpenStore;
let view: LocalView;
const dir = mkdtempSync(join(tmpdir(), 'nc-test-'));

beforeAll(async () => {
  opened = await openStore({ file: join(dir, 'nc.db'), clock: new ManualClock(), log: silentLog });
  view = opened.repository.view;
});
afterAll(async () => {
  await opened.close();
  rmSync(dir, { recursive: true });
});

async function commit(...operations: Operation[]): Promise<void> {
  for (let i = 0; i < operations.length; i += 120) await opened.store.txn({ if: [], then: operations.slice(i, i + 120) });
}

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const name = (prefix: string, i: number): string => `${prefix}${String(i).padStart(4, '0')}`;

/** All pages of a query, and how many there were. */
function walk<T>(turn: (token: string) => Page<T>): { items: T[]; pages: number } {
  const items: T[] = [];
  let pages = 0;
  for (let token = ''; ; pages++) {
    const page = turn(token);
    items.push(...page.items);
    if (page.next === '') return { items, pages: pages + 1 };
    token = page.next;
  }
}

describe('looking up one record', () => {
  it('finds nothing where nothing is', () => {
    expect([
      view.clock(),
      view.cluster(),
      view.network('none'),
      view.nodeById('none'),
      view.nodeByName('default', 'none'),
      view.nodeRow('none'),
      view.nameOwner('default', 'none'),
      view.wireguardKeyOwner('00'),
      view.address('default', '10.0.0.1'),
      view.token('none'),
      view.tokenUse('none', 0),
      view.exchange('none', '00'),
      view.certificate('00'),
      view.presence('default', 'none'),
      view.service('', 'none'),
    ]).toEqual(Array.from({ length: 15 }, () => undefined));
  });

  it('finds a node by id and by name, in its own network only', async () => {
    await commit(putNode({ id: 'lk1', network: 'look', name: 'web' }), putName('look', 'web', { nodeId: 'lk1' }));

    expect(view.nodeById('lk1')?.key).toBe(keys.node('look', 'lk1'));
    expect(view.nodeByName('look', 'web')?.value.id).toBe('lk1');
    expect(view.nodeByName('default', 'web')).toBeUndefined();
  });

  it('finds a service by id in its network, or in any', async () => {
    await commit(putService({ id: 'sv1', network: 'look', name: 'registry', nodeId: 'lk1' }));

    expect(view.service('look', 'sv1')?.value.name).toBe('registry');
    expect(view.service('', 'sv1')?.value.name).toBe('registry');
    expect(view.service('default', 'sv1')).toBeUndefined();
    expect(view.servicesOfNode('lk1').map(({ value }) => value.id)).toEqual(['sv1']);
  });

  it('finds the certificates of one subject', async () => {
    const subject = { subjectKind: 'node', subjectId: 'lk1' };
    await commit(putCertificate({ serial: 'c1', ...subject }), putCertificate({ serial: 'c2', ...subject }), putCertificate({ serial: 'c3', subjectKind: 'admin', subjectId: 'lk1' }));

    expect(view.certificatesOf('node', 'lk1').map(({ value }) => value.serial)).toEqual(['c1', 'c2']);
  });

  it('counts the nodes of one token, not of one whose id begins alike', async () => {
    const exchange = (token: string, hash: string): Operation => ({ put: keys.exchange(token, hash), value: encodeRecord('exchange', { nodeId: 'n', network: 'default', atMs: 1 }) });
    await commit(exchange('tk', 'aa'), exchange('tk', 'bb'), exchange('tk2', 'cc'));

    expect([view.tokenUses('tk'), view.tokenUses('tk2'), view.tokenUses('t')]).toEqual([2, 1, 0]);
  });
});

describe('nodes to reclaim', () => {
  it('are never connected, starting, reserved or static ones, and the longest idle comes first', async () => {
    const node = (id: string, more: object = {}): Operation => putNode({ id, network: 'lru', createdAtMs: 500, ...more });
    const seen = (nodeId: string, state: number, lastSeenMs: number): Operation => putPresence({ nodeId, state, lastSeenMs }, 'lru');
    await commit(
      ...['connected', 'starting', 'recent', 'old', 'older'].map((id) => node(id)),
      node('reserved', { reserved: true }),
      node('static', { staticAddress: true }),
      node('never-seen', { createdAtMs: 2_500 }),
      putNode({ id: 'elsewhere', network: 'lru2', createdAtMs: 1 }),
      ...['reserved', 'static'].map((id) => seen(id, -1, 1)),
      seen('connected', 3, 1),
      seen('starting', 1, 1),
      seen('recent', -1, 3_000),
      seen('old', -1, 2_000),
      seen('older', -1, 1_000),
    );

    expect(view.idleLongest('lru', 10).map(({ value }) => value.id)).toEqual(['older', 'old', 'never-seen', 'recent']);
    expect(view.idleLongest('lru', 2).map(({ value }) => value.id)).toEqual(['older', 'old']);
    await commit(seen('older', 3, 4_000), { del: keys.node('lru', 'old') });
    expect(view.idleLongest('lru', 10).map(({ value }) => value.id)).toEqual(['never-seen', 'recent']);
  });

  it('are, of ephemeral ones, those idle since before a time', async () => {
    const node = (id: string, lastSeenMs: number, state = -1): Operation[] => [putNode({ id, network: 'eph', ephemeral: true }), putPresence({ nodeId: id, lastSeenMs, state }, 'eph')];
    await commit(...node('gone', 5_000), ...node('leaving', 9_000), ...node('here', 5_000, 3), putNode({ id: 'stays', network: 'eph' }));

    expect(view.idleEphemeral(9_000, 10).map(({ value }) => value.id)).toEqual(['gone']);
    expect(view.idleEphemeral(9_001, 10).map(({ value }) => value.id)).toEqual(['gone', 'leaving']);
  });
});

describe('addresses', () => {
  it('in quarantine come in the order of their release, without those that are owned or kept', async () => {
    const put = (address: string, until: number, more: object = {}): Operation => putAddress('rest', address, { quarantinedUntilMs: until, ...more });
    await commit(put('10.0.0.2', 30), put('10.0.0.3', 10), put('10.0.0.4', 20), put('10.0.0.5', 1, { nodeId: 'n' }), put('10.0.0.6', 1, { tokenId: 't' }));

    expect(view.quarantinedLongest('rest', 2).map(({ key }) => key)).toEqual([keys.address('rest', '10.0.0.3'), keys.address('rest', '10.0.0.4')]);
    expect(view.addressCounts('rest')).toEqual({ owned: 2, quarantined: 3 });
    expect(view.addressCounts('none')).toEqual({ owned: 0, quarantined: 0 });
    expect([...view.addressesOf('rest')].flat()).toEqual(['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']);
  });
});

describe('pages and walks', () => {
  beforeAll(async () => {
    await commit(
      ...range(1_100).map((i) => putNode({ id: name('w', i), network: 'wide' })),
      ...range(1_100).map((i) => putAddress('wide', name('10.', i), { nodeId: name('w', i) })),
      ...range(30).map((i) => putPresence({ nodeId: name('w', i * 7), state: 3, lastSeenMs: i }, 'wide')),
      ...range(25).map((i) => putToken({ id: name('wt', i), network: i % 2 ? 'wide' : 'other' })),
      ...range(25).map((i) => putService({ id: name('ws', i), name: i < 10 ? 'aa' : 'bb', network: 'wide' })),
      ...range(25).map((i) => putAudit(`wa${i}`, { atMs: 1_000 + Math.floor(i / 10), actor: i % 2 ? 'admin:a' : 'local', object: `node:${i % 3}`, result: i % 5 ? 'ok' : 'conflict' })),
    );
  });

  it('give every node once, in the order of its id, however many pages that takes', () => {
    const { items, pages } = walk((token) => view.pageNodes({ network: 'wide' }, token, 100));

    expect(items.map(({ record }) => record.id)).toEqual(range(1_100).map((i) => name('w', i)));
    expect(pages).toBe(12);
    expect([...view.nodesOf('wide')].map(({ value }) => value.id)).toEqual(items.map(({ record }) => record.id));
    expect([...view.addressesOf('wide')].flat()).toEqual(range(1_100).map((i) => name('10.', i)));
  });

  it('give the nodes of one state with what is known of them', () => {
    const { items } = walk((token) => view.pageNodes({ network: 'wide', state: 3 }, token, 7));

    expect(items.map(({ record, state, lastSeenMs }) => [record.id, state, lastSeenMs])).toEqual(range(30).map((i) => [name('w', i * 7), 3, i]));
  });

  it('give the nodes of every network, one network after the other', () => {
    const { items } = walk((token) => view.pageNodes({}, token, 333));
    const networks = items.map(({ record }) => record.network);

    expect(networks).toEqual([...networks].sort());
    expect(new Set(items.map(({ record }) => record.id)).size).toBe(items.length);
    expect(new Set(networks).size).toBeGreaterThan(2);
  });

  it('go on where they were although what came before is gone and more has come', async () => {
    const first = view.pageNodes({ network: 'wide' }, '', 10);
    await commit({ del: keys.node('wide', name('w', 9)) }, putNode({ id: 'w0009x', network: 'wide' }), putNode({ id: 'w0000x', network: 'wide' }));

    expect(view.pageNodes({ network: 'wide' }, first.next, 2).items.map(({ record }) => record.id)).toEqual(['w0009x', name('w', 10)]);
    await commit({ del: keys.node('wide', 'w0009x') }, { del: keys.node('wide', 'w0000x') }, putNode({ id: name('w', 9), network: 'wide' }));
  });

  it('let the store move on while somebody walks', async () => {
    const seen: string[] = [];
    for (const { value } of view.nodesOf('wide')) {
      seen.push(value.id);
      if (seen.length % 400 === 0) await commit(putToken({ id: 'moving-on' }));
    }
    expect(seen).toHaveLength(1_100);
  });

  it('give tokens and services by what is asked', () => {
    const tokens = walk((token) => view.pageTokens({ network: 'wide' }, token, 5));
    const services = walk((token) => view.pageServices({ name: 'bb' }, token, 4));

    expect(tokens.items.map(({ value }) => value.id)).toEqual(range(12).map((i) => name('wt', i * 2 + 1)));
    expect(services.items.map(({ value }) => value.id)).toEqual(range(15).map((i) => name('ws', i + 10)));
    expect([...view.servicesOf('wide')]).toHaveLength(25);
    expect([...view.servicesOf('wide', 'aa')]).toHaveLength(10);
    expect([...view.servicesOf('other')]).toEqual([]);
  });

  it('give the audit log newest first, each entry once, by actor, object and result', () => {
    const all = walk((token) => view.pageAudit({}, token, 4)).items;
    const some = walk((token) => view.pageAudit({ actor: 'local', object: 'node:0', result: 'ok' }, token, 1)).items;

    expect(all.map(({ key }) => key)).toEqual(range(25).reverse().map((i) => keys.audit(`wa${i}`)));
    expect(some.map(({ key }) => key)).toEqual([24, 18, 12, 6].map((i) => keys.audit(`wa${i}`)));
  });

  it.each(['nonsense', 'WyJhIl0', 'W10', 'WzEsMl0', 'bnVsbA'])('refuse the token %s, which no page gave', (token) => {
    expect(() => view.pageNodes({}, token, 10)).toThrow(expect.objectContaining({ code: 'invalid_argument' }));
  });

  it('give tokens whose time is over, the longest first, and none that has no end', async () => {
    await commit(putToken({ id: 'x1', expiresAtMs: 300 }), putToken({ id: 'x2', expiresAtMs: 100 }), putToken({ id: 'x3', expiresAtMs: 900 }));

    expect(view.expiredTokens(900, 10).map(({ value }) => value.id)).toEqual(['x2', 'x1']);
    expect(view.expiredTokens(901, 2)).toHaveLength(2);
  });
});

describe('nodes by what was seen of them', () => {
  const seen = (nodeId: string, network: string, state: number, lastSeenMs: number): Operation => putPresence({ nodeId, state, lastSeenMs }, network);

  it('are counted in each network by state, without the controller\'s own, as they come, change and go', async () => {
    const counts = (network: string): Record<number, number> =>
      Object.fromEntries(view.nodeCountsByState().flatMap((row) => (row.network === network && row.count > 0 ? [[row.state, row.count]] : [])));
    const nodes = (ids: readonly string[]): Operation[] => ids.map((id) => putNode({ id, network: 'counted' }));
    await commit(...nodes(['ct1', 'ct2', 'ct3', 'ct4', 'ct5']), putNode({ id: 'ct0', network: 'counted', reserved: true }), putNode({ id: 'cu1', network: 'elsewhere' }));
    expect(counts('counted')).toEqual({ [-1]: 5 });

    await commit(seen('ct0', 'counted', 1, 5), seen('ct1', 'counted', 3, 5), seen('ct2', 'counted', 3, 5), seen('ct3', 'counted', 1, 5), seen('cu1', 'elsewhere', 3, 5));
    expect(counts('counted')).toEqual({ [-1]: 2, 1: 1, 3: 2 });
    expect(counts('elsewhere')).toEqual({ 3: 1 });

    await commit(seen('ct2', 'counted', -1, 9), { del: keys.node('counted', 'ct3') }, { del: keys.node('counted', 'ct4') });
    expect(counts('counted')).toEqual({ [-1]: 2, 3: 1 });
  });

  it('are named once each when they were seen later, many of them in one millisecond, and never the controller itself', async () => {
    const SAME_MS = 7_000_000;
    const ids = range(1_200).map((i) => name('sn', i));
    await commit(...ids.map((id) => putNode({ id, network: 'seen' })), putNode({ id: 'sn-own', network: 'seen', reserved: true }));
    await commit(...ids.map((id, i) => seen(id, 'seen', -1, i < 1_100 ? SAME_MS : SAME_MS - 1)), seen('sn-own', 'seen', 3, SAME_MS + 1));
    const since = (ms: number): string[] => [...view.nodesSeenSince(ms)].map(({ nodeId }) => nodeId).sort();

    expect(since(SAME_MS)).toEqual([]);
    expect(since(SAME_MS - 1)).toEqual(ids.slice(0, 1_100));
    expect(since(SAME_MS - 2)).toEqual(ids);
  });
});

describe('every query', () => {
  it('is answered from an index, without a scan and without sorting', () => {
    const { snapshot } = opened.store as SqliteStore;
    const queries = new Set<string>();
    const db = new Proxy(snapshot.db, {
      get: (target, property) =>
        property === 'prepare' ? (sql: string) => (queries.add(sql), target.prepare(sql)) : (Reflect.get(target, property) as unknown),
    });
    ask(new SqliteView({ db, rev: snapshot.rev, log: snapshot.log } as unknown as Snapshot));

    expect(queries.size).toBeGreaterThan(25);
    expect([...queries].flatMap((sql) => slowSteps(snapshot.db, sql))).toEqual([]);
  });

  function ask(v: LocalView): void {
    v.networks();
    v.nodeById('x');
    v.nodeRow('x');
    v.tokenUses('x');
    v.certificatesOf('node', 'x');
    v.service('', 'x');
    v.service('wide', 'x');
    v.servicesOfNode('x');
    for (const walked of [v.nodesSeenSince(0), v.nodesOf('wide'), v.addressesOf('wide'), v.servicesOf('wide'), v.servicesOf('wide', 'aa')]) expect([...walked]).toBeDefined();
    v.idleLongest('wide', 1);
    v.idleEphemeral(1, 1);
    v.quarantinedLongest('wide', 1);
    v.addressCounts('wide');
    v.nodeCounts();
    v.nodeCountsByState();
    v.liveCertificates('grpc', 1, 1);
    v.serviceCount();
    v.expiredTokens(1, 1);
    for (const filter of [{}, { network: 'wide' }, { state: 3 }, { network: 'wide', state: 3 }]) v.pageNodes(filter, '', 1);
    for (const filter of [{}, { network: 'wide' }]) v.pageTokens(filter, '', 1);
    for (const filter of [{}, { network: 'wide' }, { network: 'wide', name: 'aa' }]) v.pageServices(filter, '', 1);
    for (const filter of [{}, { actor: 'local' }, { object: 'node:1' }]) v.pageAudit(filter, '', 1);
  }

  /** Steps of the plan that grow with the table: sorting, and any scan but that of a key range. */
  function slowSteps(db: Database, sql: string): string[] {
    const plan = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array.from(sql.matchAll(/\?/g), () => 1)) as { detail: string }[];
    return plan.filter(({ detail }) => /TEMP B-TREE|^SCAN/.test(detail)).map(({ detail }) => `${detail}: ${sql}`);
  }
});
