import { describe, expect, it } from 'vitest';
import { MapNames } from '../../src/client/map-names.js';
import { MapStore } from '../../src/client/map-store.js';
import { NetworkRecord } from '../../src/gen/networkcontroller/store/v1/records.js';
import { WatchResponse } from '../../src/gen/networkcontroller/v1/node.js';
import { NetworkConfig, TrustBundle } from '../../src/gen/networkcontroller/v1/types.js';
import { silentLog } from '../../src/platform/log.js';
import { zoneChangesOf, zoneOf } from '../../src/server/dns/zone-feed.js';
import { ZoneViews } from '../../src/server/dns/zone-views.js';
import { MapFeed } from '../../src/server/feed/map-feed.js';
import { DnsRecords } from '../../src/server/services/dns-records.js';
import { keys } from '../../src/server/store/keys.js';
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
  const { store, repository, clock, token, register } = await startServices();
  const lab = NetworkRecord.fromPartial({ name: 'lab', cidr: '10.67.0.0/24', mtu: 1280 });
  await store.txn({ if: [], then: [{ put: keys.network('lab'), value: NetworkRecord.encode(lab).finish() }] });
  const nodeId = (await register(await token({ maxUses: 0 }), { nodeName: 'web-1' })).node.id;
  const records = new DnsRecords({ repository, clock, zone: 'nc.internal', configured: () => [] });
  const views = new ZoneViews('nc.internal');
  for (const change of zoneOf(repository.view)) views.apply(change);
  views.setRevision(repository.view.rev);
  repository.onApplied((revision) => {
    zoneChangesOf(revision).forEach((change) => views.apply(change));
    views.setRevision(revision.rev);
  });
  const facts = {
    epoch: 'e1',
    describe: ({ name, cidr, cidr6 }: NetworkRecord) => NetworkConfig.fromPartial({ name, cidr, cidr6, zone: 'nc.internal', interconnection: true }),
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
  return {
    add,
    both,
    told,
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
