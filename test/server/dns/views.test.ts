import { describe, expect, it } from 'vitest';
import type { ZoneChange } from '../../../src/domain/zone-input.js';
import { aQuery, defaultNetwork, put, read, startTestDns } from '../../support/dns.js';
import { startNameServer, answering } from '../../support/name-server.js';

const lab = { name: 'lab', cidr: '10.67.0.0/24', cidr6: '' };
const IN_DEFAULT = '10.66.0.5';
const IN_LAB = '10.67.0.5';
const ON_THIS_MACHINE = '127.0.0.1';
const STRANGER = '192.0.2.1';

function record(id: string, name: string, value: string, network = ''): ZoneChange {
  return { kind: 'record', record: { id, name, type: 'A', value, ttlSeconds: 60, network } };
}

async function startViews(...more: ZoneChange[]) {
  const changes = [
    put.node(),
    put.node({ id: 'node-2', network: 'lab', name: 'bench', bindIp: IN_LAB, bindIp6: '' }),
    put.service(),
    put.service({ id: 'i2', network: 'lab', nodeId: 'node-2' }),
    record('r1', 'db.nc.internal', '10.66.0.9', 'default'),
    record('r2', 'db.nc.internal', '10.67.0.9', 'lab'),
    record('r3', 'all.nc.internal', '192.0.2.9'),
    ...more,
  ];
  const upstream = await startNameServer((query) => answering(query, []));
  const dns = await startTestDns({ networks: [defaultNetwork, lab], changes, upstreams: [upstream.address] });
  const ask = async (address: string, name: string, type: 'A' | 'PTR' = 'A') => {
    const { rcode, answers } = read(await dns.answer(aQuery(name, type), { address }));
    return (answers ?? []).length === 0 ? rcode : (answers ?? []).map((answer) => ('data' in answer ? String(answer.data) : '')).sort().join(' ');
  };
  return { dns, ask, asked: upstream.asked };
}

describe('a node is answered', () => {
  it.each([
    [IN_DEFAULT, 'db.nc.internal', '10.66.0.9'],
    [IN_LAB, 'db.nc.internal', '10.67.0.9'],
    [IN_DEFAULT, 'all.nc.internal', '192.0.2.9'],
    [IN_LAB, 'all.nc.internal', '192.0.2.9'],
    [IN_DEFAULT, 'shop.svc.nc.internal', IN_DEFAULT],
    [IN_LAB, 'shop.svc.nc.internal', IN_LAB],
    [IN_LAB, 'bench.lab.nc.internal', IN_LAB],
    [IN_DEFAULT, 'bench.lab.nc.internal', 'NXDOMAIN'],
    [IN_LAB, 'web-1.default.nc.internal', 'NXDOMAIN'],
  ])('from %s about %s: %s', async (address, name, expected) => {
    const { ask } = await startViews();

    expect(await ask(address, name)).toBe(expected);
  });

  it('as one of its network wherever it asks from, when its certificate tells which that is', async () => {
    const { dns } = await startViews();
    const ask = async (network: string) => read(await dns.answer(aQuery('db.nc.internal'), { address: STRANGER, via: 'https', own: true, network })).answers;

    expect([await ask('default'), await ask('lab')]).toMatchObject([[{ data: '10.66.0.9' }], [{ data: '10.67.0.9' }]]);
  });

  it('about the addresses of other networks that they have no name, and nobody else is asked', async () => {
    const { ask, asked } = await startViews();

    expect(await ask(IN_DEFAULT, '5.0.67.10.in-addr.arpa', 'PTR')).toBe('NXDOMAIN');
    expect(await ask(IN_LAB, '5.0.67.10.in-addr.arpa', 'PTR')).toBe('bench.lab.nc.internal');
    expect(asked).toEqual([]);
  });
});

describe('whoever asks from no network is answered', () => {
  it.each([
    [ON_THIS_MACHINE, 'db.nc.internal', 'NXDOMAIN'],
    [STRANGER, 'db.nc.internal', 'NXDOMAIN'],
    [ON_THIS_MACHINE, 'all.nc.internal', '192.0.2.9'],
    [ON_THIS_MACHINE, 'shop.svc.nc.internal', `${IN_DEFAULT} ${IN_LAB}`],
    [ON_THIS_MACHINE, 'bench.lab.nc.internal', IN_LAB],
    [STRANGER, 'example.com', 'REFUSED'],
  ])('from %s about %s: %s', async (address, name, expected) => {
    const { ask } = await startViews();

    expect(await ask(address, name)).toBe(expected);
  });
});

describe('a change', () => {
  it('of one network changes nothing for the other', async () => {
    const { dns, ask } = await startViews();

    dns.apply({ revision: 8n, changes: [{ kind: 'recordRemoved', id: 'r1' }, record('r4', 'new.nc.internal', '10.66.0.10', 'default')] });

    expect([await ask(IN_DEFAULT, 'db.nc.internal'), await ask(IN_LAB, 'db.nc.internal')]).toEqual(['NXDOMAIN', '10.67.0.9']);
    expect([await ask(IN_DEFAULT, 'new.nc.internal'), await ask(IN_LAB, 'new.nc.internal')]).toEqual(['10.66.0.10', 'NXDOMAIN']);
  });

  it('of one source takes the place of all that it said before, for each network its part', async () => {
    const { dns, ask } = await startViews({ kind: 'records', source: 'file', records: [{ id: 'f0', name: 'old.nc.internal', type: 'A', value: '192.0.2.1', ttlSeconds: 60 }] });
    const next = [
      { id: 'f0', name: 'x.nc.internal', type: 'A', value: '192.0.2.2', ttlSeconds: 60 },
      { id: 'f1', name: 'x.nc.internal', type: 'A', value: '192.0.2.3', ttlSeconds: 60, network: 'lab' },
    ];

    dns.apply({ revision: 8n, changes: [{ kind: 'records', source: 'file', records: next }] });

    expect([await ask(IN_DEFAULT, 'x.nc.internal'), await ask(IN_LAB, 'x.nc.internal')]).toEqual(['192.0.2.2', '192.0.2.2 192.0.2.3']);
    expect(await ask(ON_THIS_MACHINE, 'old.nc.internal')).toBe('NXDOMAIN');
  });

  it('of one source with a record that breaks a rule keeps all that it said before', async () => {
    const { dns, ask } = await startViews({ kind: 'records', source: 'file', records: [{ id: 'f0', name: 'old.nc.internal', type: 'A', value: '192.0.2.1', ttlSeconds: 60 }] });
    const next = ['A', 'CNAME'].map((type, i) => ({ id: `f${i}`, name: 'x.nc.internal', type, value: type === 'A' ? '192.0.2.2' : 'a.example', ttlSeconds: 60 }));

    dns.apply({ revision: 8n, changes: [{ kind: 'records', source: 'file', records: next }] });

    expect([await ask(IN_DEFAULT, 'x.nc.internal'), await ask(IN_DEFAULT, 'old.nc.internal')]).toEqual(['NXDOMAIN', '192.0.2.1']);
  });

  it('that makes a network shows it the records that are for all', async () => {
    const { dns, ask } = await startViews();

    dns.apply({ revision: 8n, changes: [{ kind: 'network', network: { name: 'new', cidr: '10.68.0.0/24', cidr6: '' } }, record('r5', 'only.nc.internal', '10.68.0.9', 'new')] });

    expect([await ask('10.68.0.5', 'all.nc.internal'), await ask('10.68.0.5', 'only.nc.internal'), await ask('10.68.0.5', 'db.nc.internal')]).toEqual(['192.0.2.9', '10.68.0.9', 'NXDOMAIN']);
  });
});
