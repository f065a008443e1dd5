import { encode } from 'dns-packet';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseDnsName, reverseName, type DnsName } from '../../../src/domain/dns-name.js';
import type { ZoneNetwork, ZoneNode } from '../../../src/domain/zone-input.js';
import { AddressRecord, NodeRecord, OwnerRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { silentLog } from '../../../src/platform/log.js';
import { ZoneViews } from '../../../src/server/dns/zone-views.js';
import { keys } from '../../../src/server/store/keys.js';
import { openStore } from '../../../src/server/store/open-store.js';
import type { Operation } from '../../../src/server/store/store.js';
import { StoredNodes } from '../../../src/server/store/stored-nodes.js';
import { ManualClock } from '../../support/clock.js';
import { aQuery, aService, read, startTestDns } from '../../support/dns.js';
import { tmpDir } from '../../support/tmp-dir.js';

const NETWORKS: ZoneNetwork[] = [
  { name: 'default', cidr: '10.66.0.0/16', cidr6: 'fd00:66::/64' },
  { name: 'small', cidr: '10.66.3.0/26', cidr6: '' },
];
const TYPES = ['A', 'AAAA', 'PTR', 'TXT', 'NS', 'SOA', 'ANY'];

const node = (id: string, network: string, name: string, bindIp: string, bindIp6 = ''): ZoneNode => ({ id, network, name, bindIp, bindIp6 });
const WEB = node('n1', 'default', 'web', '10.66.0.5', 'fd00:66::5');
const FAR = node('n2', 'default', 'far', '10.66.255.200', 'fd00:66::ffc8');
const TWIN = node('n3', 'small', 'web', '10.66.3.9');
const SAME = node('n4', 'default', 'same', '10.66.3.9', 'fd00:66::309');
const ALL = [WEB, FAR, SAME, TWIN];

/** What a registration writes of a node's names. */
function written({ id, network, name, bindIp, ...rest }: ZoneNode): Operation[] {
  const owner = OwnerRecord.encode({ nodeId: id, network }).finish();
  return [
    { put: keys.node(network, id), value: NodeRecord.encode(NodeRecord.fromPartial({ id, network, name, bindIp, ...rest })).finish() },
    { put: keys.name(network, name), value: owner },
    { put: keys.address(network, bindIp), value: AddressRecord.encode(AddressRecord.fromPartial({ nodeId: id })).finish() },
  ];
}

/** The same networks and nodes as a zone that looks nodes up has them, and as one that keeps them. */
async function start(nodes = ALL) {
  const file = join(tmpDir(), 'nc.db');
  const { store, close } = await openStore({ file, clock: new ManualClock(), log: silentLog });
  const stored = new StoredNodes(file);
  onTestFinished(async () => {
    stored.close();
    await close();
  });
  const views = new ZoneViews('nc.internal', { nodes: stored });
  const kept = new ZoneViews('nc.internal');
  const commit = async (...then: Operation[]): Promise<unknown> => store.txn({ if: [], then });
  const put = async (each: ZoneNode): Promise<void> => {
    await commit(...written(each));
    for (const of of [views, kept]) of.apply({ kind: 'node', node: each });
  };
  for (const network of NETWORKS) for (const of of [views, kept]) of.apply({ kind: 'network', network });
  for (const each of nodes) await put(each);
  return { file, commit, put, views, kept };
}

/** Every name there may be around the nodes: theirs, those above them, and some beside. */
function names(nodes: readonly ZoneNode[]): DnsName[] {
  const full = nodes.flatMap(({ name, network, bindIp, bindIp6 }) => [`${name}.${network}.nc.internal`, reverseName(bindIp), ...(bindIp6 === '' ? [] : [reverseName(bindIp6)])]);
  const beside = ['no.default.nc.internal', 'web.none.nc.internal', 'a.web.default.nc.internal', 'web.default.nc.internal.example', '9.9.66.10.in-addr.arpa', '256.0.66.10.in-addr.arpa', '05.0.66.10.in-addr.arpa', reverseName('fd00:66::6'), reverseName('fd00:66::1:0'), reverseName('fd00:66::ff00')];
  const above = [...full, ...beside].flatMap((name) => name.split('.').map((_, i, labels) => labels.slice(i).join('.')));
  return [...new Set([...above, ...above.map((name) => `x.${name}`), ...above.map((name) => `7.${name}`)])].map((name) => parseDnsName(name));
}

/** The octets of the answer, or what becomes of the question instead. */
function reply(views: ZoneViews, network: string | undefined, name: string, type: string): Buffer | string {
  const query = encode({ type: 'query', id: 4711, questions: [{ type: type as 'A', name }] });
  const answered = views.responderFor(network).answer(query, 'tcp', false);
  return answered.kind === 'answer' ? answered.message : answered.kind;
}

function ask(views: ZoneViews, network: string | undefined, name: string, type: string) {
  const { rcode, answers = [] } = read(reply(views, network, name, type) as Buffer);
  return { rcode, data: answers.map((answer) => ('data' in answer ? answer.data : answer.type)) };
}

function replies(views: ZoneViews, network: string | undefined): Map<string, Buffer | string> {
  return new Map(names(ALL).flatMap((name) => TYPES.map((type) => [`${name} ${type}`, reply(views, network, name, type)] as const)));
}

describe('a zone that looks its nodes up in the store', () => {
  it.each([undefined, 'default', 'small'])('answers every name in every type as one that keeps them, to who is in network %s', async (network) => {
    const { views, kept } = await start();

    const found = replies(views, network);

    expect(found).toEqual(replies(kept, network));
    const all = [...found.values()].filter((answer) => typeof answer !== 'string').map(read);
    expect(all.filter(({ rcode }) => rcode === 'NXDOMAIN').length).toBeGreaterThan(20);
    expect(all.filter(({ answers }) => (answers?.length ?? 0) > 0).length).toBeGreaterThan(10);
  });

  it('denies what is not there while it has no nodes at all', async () => {
    const { views, kept } = await start([]);

    expect(replies(views, undefined)).toEqual(replies(kept, undefined));
  });

  it('shows nobody of one network to another', async () => {
    const { views } = await start();

    expect(ask(views, 'small', 'same.default.nc.internal', 'A').rcode).toBe('NXDOMAIN');
    expect(ask(views, 'small', reverseName('10.66.3.9'), 'PTR').data).toEqual(['web.small.nc.internal']);
    expect(ask(views, undefined, reverseName('10.66.3.9'), 'PTR').data).toHaveLength(2);
  });

  it('denies a node that has gone, and the names above its address', async () => {
    const { views, commit } = await start();

    await commit({ del: keys.node('default', 'n2') }, { del: keys.address('default', FAR.bindIp) });

    for (const name of ['far.default.nc.internal', reverseName(FAR.bindIp), '255.66.10.in-addr.arpa', reverseName(FAR.bindIp6)]) {
      expect(ask(views, undefined, name, 'PTR').rcode).toBe('NXDOMAIN');
    }
  });

  it('finds nobody under a name that somebody had once', async () => {
    const { views, put } = await start();

    await put({ ...WEB, name: 'www' });

    expect(ask(views, undefined, 'web.default.nc.internal', 'A').rcode).toBe('NXDOMAIN');
    expect(ask(views, undefined, 'www.default.nc.internal', 'A').data).toEqual(['10.66.0.5']);
  });

  it('lets an address that rests stand for nobody, though the names above it exist', async () => {
    const { views, commit } = await start([]);

    await commit({ put: keys.address('default', '10.66.7.7'), value: AddressRecord.encode(AddressRecord.fromPartial({ quarantinedUntilMs: 5 })).finish() });

    expect(ask(views, undefined, reverseName('10.66.7.7'), 'PTR').rcode).toBe('NXDOMAIN');
    expect(ask(views, undefined, '7.66.10.in-addr.arpa', 'PTR').rcode).toBe('NOERROR');
  });

  it('answers a service with the addresses that its node has now, and leaves nothing of those before', async () => {
    const { views, put } = await start();
    const addresses = (): unknown[] => ask(views, 'default', 'shop.svc.nc.internal', 'A').data;
    views.apply({ kind: 'service', service: aService({ nodeId: 'n1' }) });
    expect(addresses()).toEqual(['10.66.0.5']);

    await put({ ...WEB, bindIp: '10.66.0.6', bindIp6: 'fd00:66::6' });
    expect(addresses()).toEqual(['10.66.0.6']);

    views.apply({ kind: 'serviceRemoved', network: 'default', id: 'i1' });
    expect(ask(views, 'default', 'shop.svc.nc.internal', 'A').rcode).toBe('NXDOMAIN');
  });

  it('has no records of a service whose node has gone', async () => {
    const { views, commit } = await start();
    views.apply({ kind: 'service', service: aService({ nodeId: 'n1' }) });

    await commit({ del: keys.node('default', 'n1') });
    views.apply({ kind: 'nodeRemoved', id: 'n1' });

    expect(ask(views, undefined, 'shop.svc.nc.internal', 'A').rcode).toBe('NXDOMAIN');
  });

  it('counts two names for each node and the controller, and three with IPv6', async () => {
    const { views } = await start();
    const empty = new ZoneViews('nc.internal');
    for (const network of NETWORKS) empty.apply({ kind: 'network', network });

    expect(views.outside.size - empty.outside.size).toBe(3 * 4 + 2 * 2);
  });
});

describe('the name server over a store', () => {
  it('shows a node from its commit on, once it is told of the revision, and never an answer of before', async () => {
    const { file, put } = await start([WEB]);
    const dns = await startTestDns({ storeFile: file, networks: NETWORKS, changes: [] });
    const rcode = async (): Promise<unknown> => read(await dns.answer(aQuery('far.default.nc.internal'), { address: '127.0.0.1' })).rcode;
    expect(await rcode()).toBe('NXDOMAIN');

    await put(FAR);
    dns.apply({ revision: 9n, changes: [{ kind: 'node', node: FAR }] });

    expect(await rcode()).toBe('NOERROR');
  });
});
