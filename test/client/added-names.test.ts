import { describe, expect, it, onTestFinished } from 'vitest';
import { MapNames } from '../../src/client/map-names.js';
import { MapStore } from '../../src/client/map-store.js';
import { NetworkRecord } from '../../src/gen/networkcontroller/store/v1/records.js';
import { WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig, Service, TrustBundle } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { zoneChangesOf, zoneOf } from '../../src/server/dns/zone-feed.js';
import { ZoneViews } from '../../src/server/dns/zone-views.js';
import { MapFeed } from '../../src/server/feed/map-feed.js';
import { otherNetworks } from '../../src/server/services/cluster-facts.js';
import { DnsRecords } from '../../src/server/services/dns-records.js';
import { keys } from '../../src/server/store/keys.js';
import { StoredNodes } from '../../src/server/store/stored-nodes.js';
import { aQuery, read } from '../support/dns.js';
import { ADMIN, startServices } from '../support/services.js';
import { until } from '../support/until.js';

const QUESTIONS = [
  ['db.nc.internal', 'A'],
  ['db.nc.internal', 'TXT'],
  ['db.nc.internal', 'AAAA'],
  ['www.nc.internal', 'A'],
  ['x.apps.nc.internal', 'A'],
  ['apps.nc.internal', 'A'],
  ['nc.internal', 'MX'],
  ['_ldap._tcp.nc.internal', 'SRV'],
  ['far.nc.internal', 'A'],
  ['gone.nc.internal', 'A'],
  ['web-1.default.nc.internal', 'TXT'],
  ['77.0.66.10.in-addr.arpa', 'PTR'],
] as const;

/** A controller with networks default and lab, and an agent of default that holds the map which it is told. */
async function start() {
  const { file, store, repository, clock, token, register, services } = await startServices({ cidr6: 'fd00:66::/64' });
  const lab = NetworkRecord.fromPartial({ name: 'lab', cidr: '10.67.0.0/24', cidr6: 'fd00:67::/64', mtu: 1280 });
  await store.txn({ if: [], then: [{ put: keys.network('lab'), value: NetworkRecord.encode(lab).finish() }] });
  const nodeId = (await register(await token({ maxUses: 0 }), { nodeName: 'web-1' })).node.id;
  const records = new DnsRecords({ repository, clock, zone: 'nc.internal' });
  const nodes = new StoredNodes(file);
  onTestFinished(() => nodes.close());
  const views = new ZoneViews('nc.internal', { nodes });
  for (const change of zoneOf(repository.view)) views.apply(change);
  views.setRevision(repository.view.rev);
  repository.onApplied((revision) => {
    zoneChangesOf(revision).forEach((change) => views.apply(change));
    views.setRevision(revision.rev);
  });
  const facts = {
    epoch: 'e1',
    describe: ({ name, cidr, cidr6 }: NetworkRecord) => NetworkConfig.fromPartial({ name, cidr, cidr6, zone: 'nc.internal', interconnection: true, others: otherNetworks(repository.view, name) }),
    bundle: () => TrustBundle.fromPartial({ version: 1 }),
    crl: () => new Uint8Array(),
    controlEndpoints: () => [],
  };
  const feed = new MapFeed({ repository, facts, clock });
  const names = new MapNames();
  const told: Buffer[] = [];
  const trust = { verify: () => Infinity, verifyRelay: () => Infinity, takeBundle: () => false, takeCrl: () => false };
  const aMap = (): MapStore => new MapStore({ nodeId, clock, log: silentLog, trust });
  let map = aMap();
  const write = (bytes: Uint8Array): boolean => {
    told.push(Buffer.from(bytes));
    const { message } = WatchResponse.decode(bytes);
    if (message?.$case === 'snapshot') map.applySnapshot(message.value);
    if (message?.$case === 'delta') map.applyDelta(message.value);
    if (message?.$case === 'progress') map.applyProgress(message.value.revision);
    return true;
  };
  let close = (): void => {};
  const watch = (): void => {
    close = feed.open(nodeId, { write, onDrain: () => {}, fail: () => {} }, map.position());
  };
  watch();
  const ask = (answer: ReturnType<MapNames['answer']>) => (answer.kind === 'answer' ? read(answer.message) : undefined);
  const add = (name: string, type: string, value: string, network = '') => records.add({ name, type, value, ttlSeconds: 0, network }, ADMIN);
  /** What the agent's own name server says, and the controller's to the same node. */
  const both = async () => {
    await until(() => map.position().revision >= repository.view.rev, 'the agent to hold the newest map');
    names.show(map.current()!);
    const seen = (reply: ReturnType<typeof ask>) => ({ rcode: reply?.rcode, answers: reply?.answers, authorities: reply?.authorities?.map(({ name, type }) => [name, type]) });
    return QUESTIONS.map(([name, type]) => ({
      question: `${name} ${type}`,
      agent: seen(ask(names.answer(aQuery(name, type), 'tcp'))),
      controller: seen(ask(views.responderFor('default').answer(aQuery(name, type), 'tcp', true))),
    }));
  };
  /** All that both say to a question, in words; what stands in one set may come in any order (RFC 1035 §5.1). */
  const wholly = async (questions: readonly (readonly [string, Type])[]) => {
    await until(() => map.position().revision >= repository.view.rev, 'the agent to hold the newest map');
    names.show(map.current()!);
    return questions.map(([name, type]) => ({
      question: `${name} ${type}`,
      agent: whole(names.answer(aQuery(name, type), 'tcp')),
      controller: whole(views.responderFor('default').answer(aQuery(name, type), 'tcp', true)),
    }));
  };
  return {
    add,
    both,
    told,
    wholly,
    services,
    nodeId,
    register: async (nodeName: string) => (await register(await token(), { nodeName })).node,
    addNetwork: (network: Partial<NetworkRecord>) => store.txn({ if: [], then: [{ put: keys.network(network.name!), value: NetworkRecord.encode(NetworkRecord.fromPartial(network)).finish() }] }),
    replace: (...args: Parameters<DnsRecords['replace']>) => records.replace(...args),
    remove: (name: string) => records.remove(name, { type: '', network: '' }, ADMIN),
    resolve: (name: string, type: string) => names.resolve({ name, type }),
    /** The agent is away while `work` is done, and comes back with the map that it held, that of its cache, or none. */
    away: async (work: () => Promise<unknown>, comesBackWith: 'held' | 'cache' | 'nothing') => {
      close();
      await work();
      const kept = map.toSnapshot()!;
      if (comesBackWith !== 'held') map = aMap();
      if (comesBackWith === 'cache') map.applySnapshot(kept);
      watch();
    },
  };
}

type Type = NonNullable<Parameters<typeof aQuery>[1]>;

const TYPES: readonly Type[] = ['A', 'AAAA', 'CAA', 'CNAME', 'MX', 'NS', 'PTR', 'SOA', 'SRV', 'TXT'];

function whole(reply: ReturnType<MapNames['answer']>): unknown {
  if (reply.kind !== 'answer') return reply.kind;
  const { rcode, flags, questions, answers = [], authorities = [], additionals = [] } = read(reply.message);
  const sorted = (records: readonly object[]): string[] => records.map((record) => JSON.stringify(record)).sort();
  return { rcode, flags, questions, answers: sorted(answers), authorities: sorted(authorities), additionals: sorted(additionals) };
}

type Started = Awaited<ReturnType<typeof start>>;

async function addAll({ add }: Started): Promise<void> {
  await add('db.nc.internal', 'A', '192.0.2.1');
  await add('db.nc.internal', 'A', '192.0.2.2');
  await add('db.nc.internal', 'TXT', '"for all"');
  await add('db.nc.internal', 'TXT', '"for lab"', 'lab');
  await add('www.nc.internal', 'CNAME', 'db.nc.internal');
  await add('*.apps.nc.internal', 'A', '192.0.2.3', 'default');
  await add('nc.internal', 'MX', '10 db.nc.internal');
  await add('_ldap._tcp.nc.internal', 'SRV', '1 2 389 db.nc.internal');
  await add('far.nc.internal', 'A', '192.0.2.4', 'lab');
  await add('gone.nc.internal', 'A', '192.0.2.5');
  await add('77.0.66.10.in-addr.arpa', 'PTR', 'db.nc.internal');
  await add('9.0.67.10.in-addr.arpa', 'PTR', 'db.nc.internal');
}

async function expectAgreement(started: Started): Promise<void> {
  for (const { question, agent, controller } of await started.both()) expect(agent, question).toEqual(controller);
}

describe('records that an admin added are answered by the agent as by the controller', () => {
  it('when they come one by one, and go', async () => {
    const started = await start();
    await expectAgreement(started);
    await addAll(started);
    await expectAgreement(started);

    await started.remove('gone.nc.internal');
    await started.remove('*.apps.nc.internal');
    await expectAgreement(started);

    expect(started.resolve('gone.nc.internal', 'A')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(started.resolve('www.nc.internal', 'A').answers).toEqual(expect.arrayContaining(['db.nc.internal.', '192.0.2.1', '192.0.2.2']));
    expect(started.resolve('nc.internal', 'MX')).toMatchObject({ answers: ['10 db.nc.internal.'], ttlSeconds: 300 });
    expect(started.resolve('db.nc.internal', 'TXT')).toMatchObject({ answers: ['"for all"'] });
  });

  it.each(['held', 'cache', 'nothing'] as const)('when they came and went while it was away, and it comes back with the map: %s', async (comesBackWith) => {
    const started = await start();
    await started.both();
    await started.away(() => addAll(started), comesBackWith);
    await expectAgreement(started);

    await started.away(() => started.remove('db.nc.internal'), comesBackWith);

    await expectAgreement(started);
    expect(started.resolve('x.apps.nc.internal', 'A')).toMatchObject({ answers: ['192.0.2.3'] });
  });

  it('and of those that others alone see it hears neither name nor value', async () => {
    const started = await start();
    await started.add('far.nc.internal', 'TXT', '"only-for-lab"', 'lab');
    await started.both();
    await started.remove('far.nc.internal');
    await started.both();

    const all = Buffer.concat(started.told);
    expect(all.includes('far.nc')).toBe(false);
    expect(all.includes('only-for-lab')).toBe(false);
  });
});

/** Every place that records come from, each with every type that may stand there. */
async function fill({ add, replace, services, nodeId, register, addNetwork }: Started): Promise<string[]> {
  await addNetwork({ name: 'far', cidr: '10.68.0.0/23', mtu: 1280 });
  const db = await register('db-1');
  const file = (name: string, type: string, value: string, network = '') => ({ id: '', name, type, value, network, ttlSeconds: 60 });
  await replace('server.yml', [
    file('fixed.nc.internal', 'A', '192.0.2.10'),
    file('fixed.nc.internal', 'AAAA', '2001:db8::10'),
    file('fixed.nc.internal', 'CAA', '0 issue "ca.example"'),
    file('fixed.nc.internal', 'TXT', '"one" "two"'),
    file('nc.internal', 'MX', '10 fixed.nc.internal'),
    file('nc.internal', 'NS', 'ns2.example'),
    file('alias.nc.internal', 'CNAME', 'fixed.nc.internal'),
    file('out.nc.internal', 'CNAME', 'www.example.com'),
    file('deep.below.nothing.nc.internal', 'A', '192.0.2.11'),
  ]);
  await replace('records file', [
    file('*.wild.nc.internal', 'A', '192.0.2.12'),
    file('*.wild.nc.internal', 'MX', '5 fixed.nc.internal'),
    file('*.wild.nc.internal', 'CAA', '128 iodef "mailto:a@example"'),
    file('*.aliases.nc.internal', 'CNAME', 'fixed.nc.internal'),
    file('_sip._udp.nc.internal', 'SRV', '1 2 5060 fixed.nc.internal'),
    file('only-lab.nc.internal', 'A', '192.0.2.13', 'lab'),
    file('only-default.nc.internal', 'A', '192.0.2.14', 'default'),
    file('9.0.67.10.in-addr.arpa', 'PTR', 'fixed.nc.internal'),
  ]);
  await add('by-hand.nc.internal', 'A', '192.0.2.15');
  await add('fixed.nc.internal', 'A', '192.0.2.16');
  for (const [id, at] of [['shop-a', nodeId], ['shop-b', db.id]] as const) {
    await services.add(Service.fromPartial({ id, name: 'shop', nodeId: at, port: 80, type: 'mq', role: 'primary', weight: 3, priority: 1, metadata: { path: '/v1' } }), ADMIN);
  }
  await services.add(Service.fromPartial({ id: 'sick', name: 'sick', nodeId: db.id, port: 81, health: 'failing' }), ADMIN);
  const made = ['fixed', 'alias', 'out', 'deep.below.nothing', 'below.nothing', 'nothing', 'x.wild', 'x.y.wild', 'wild', 'a.aliases', 'aliases', '_sip._udp', '_udp', 'only-lab', 'only-default', 'by-hand', 'absent', 'ns', 'web-1.default', 'db-1.default', 'gone.default', 'default', 'lab', 'far', 'web-1.lab', 'svc', 'shop.svc', '_shop._tcp.svc', '_shop._udp.svc', 'shop-a.shop.stable.svc', 'shop-a.shop.beta.svc', 'stable.svc', 'shop.stable.svc', 'sick.svc'].map((name) => `${name}.nc.internal`);
  const back = [db.bindIp, '10.66.0.250', '10.67.0.9', '10.67.0.1', '10.68.1.7', '10.69.0.1'].map((address) => `${address.split('.').reverse().join('.')}.in-addr.arpa`);
  const apexes = ['nc.internal', '0.66.10.in-addr.arpa', '0.67.10.in-addr.arpa', '1.68.10.in-addr.arpa', '0.0.0.0.0.0.0.0.6.6.0.0.0.0.d.f.ip6.arpa', '0.0.0.0.0.0.0.0.7.6.0.0.0.0.d.f.ip6.arpa'];
  return [...made, ...back, ...apexes, 'example.com', 'internal'];
}

describe('a zone with records of every kind and from every place', () => {
  it('is answered by the agent as by the controller: every name in every type, with what stands beside the answer', async () => {
    const started = await start();
    const asked = (await fill(started)).flatMap((name) => TYPES.map((type) => [name, type] as const));

    const answers = await started.wholly(asked);

    for (const { question, agent, controller } of answers) expect(agent, question).toEqual(controller);
    const kinds = new Set(answers.map(({ agent }) => (typeof agent === 'string' ? agent : (agent as { rcode: string }).rcode)));
    expect([...kinds].sort()).toEqual(['NOERROR', 'NXDOMAIN', 'outside']);
    expect(answers.filter(({ agent }) => ((agent as { answers?: string[] }).answers ?? []).length > 0).length).toBeGreaterThan(40);
  });

  it('goes on being so when a network comes, and its reverse zone with it', async () => {
    const started = await start();
    const [before] = await started.wholly([['7.0.70.10.in-addr.arpa', 'PTR']]);
    await started.addNetwork({ name: 'new', cidr: '10.70.0.0/24', mtu: 1280 });

    const [after] = await started.wholly([['7.0.70.10.in-addr.arpa', 'PTR']]);

    expect(before).toMatchObject({ agent: 'outside', controller: 'outside' });
    expect(after!.agent).toEqual(after!.controller);
    expect(after!.agent).toMatchObject({ rcode: 'NXDOMAIN' });
  });
});
