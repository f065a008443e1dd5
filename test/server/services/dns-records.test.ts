import { describe, expect, it } from 'vitest';
import type { AddedRecord } from '../../../src/domain/dns-records.js';
import { NetworkRecord } from '../../../src/gen/networkcontroller/store/v1/records.js';
import { DnsRecords, type WantedRecord } from '../../../src/server/services/dns-records.js';
import { keys } from '../../../src/server/store/keys.js';
import { ADMIN, startServices } from '../../support/services.js';

const inFile = (name: string, type: string, value: string, network = ''): AddedRecord => ({ id: '', name, type, value, network, ttlSeconds: 60 });
const ALL = { type: '', network: '' };

/** The use case on a real store with the networks default and lab. */
async function startRecords(configured: readonly AddedRecord[] = []) {
  const { store, repository, clock } = await startServices();
  const lab = NetworkRecord.fromPartial({ name: 'lab', cidr: '10.67.0.0/24', mtu: 1280 });
  await store.txn({ if: [], then: [{ put: keys.network('lab'), value: NetworkRecord.encode(lab).finish() }] });
  const records = new DnsRecords({ repository, clock, zone: 'nc.internal' });
  await records.replace('server.yml', configured);
  const add = async (name: string, type: string, value: string, more: Partial<WantedRecord> = {}) =>
    (await records.add({ name, type, value, ttlSeconds: 0, network: '', ...more }, ADMIN)).result;
  const listed = (): string[] => records.list({ network: '', name: '' }, '', 1000).items.map(({ name, type, value, network }) => [name, type, value, network].join(' ').trim());
  return { records, repository, add, listed };
}

describe('a record is refused with its rule, and nothing is kept', () => {
  it.each([
    ['outside of the zones', ['www.example.com', 'A', '10.0.0.1'], 'RFC 1034 §4.2'],
    ['of a type that we do not keep', ['a.nc.internal', 'NAPTR', 'x'], 'RFC 1035 §3.2.2'],
    ['with a bad label', ['a_b.nc.internal', 'A', '10.0.0.1'], 'RFC 1123 §2.1'],
    ['with a label of 64 octets', [`${'a'.repeat(64)}.nc.internal`, 'A', '10.0.0.1'], '1 to 63'],
    ['with a slash in its name', ['a/b.nc.internal', 'TXT', 'x'], 'RFC 1123 §2.1'],
    ['an alias where nodes have their names', ['web-9.default.nc.internal', 'CNAME', 'a.example'], 'RFC 1034 §3.6.2'],
    ['an alias where services have their names', ['shop.svc.nc.internal', 'CNAME', 'a.example'], 'RFC 1034 §3.6.2'],
    ['an alias in place of the name server', ['ns.nc.internal', 'CNAME', 'a.example'], 'RFC 1034 §3.6.2'],
    ['an alias where addresses have their names', ['9.0.66.10.in-addr.arpa', 'CNAME', 'a.example'], 'RFC 1034 §3.6.2'],
    ['an alias beside another record', ['full.nc.internal', 'CNAME', 'a.example'], 'RFC 1034 §3.6.2'],
    ['another record beside an alias', ['alias.nc.internal', 'A', '10.0.0.1'], 'RFC 1034 §3.6.2'],
    ['a second alias', ['alias.nc.internal', 'CNAME', 'b.example'], 'RFC 1034 §3.6.2'],
    ['mail for an alias', ['a.nc.internal', 'MX', '10 alias.nc.internal'], 'RFC 2181 §10.3'],
    ['an alias at the top', ['nc.internal', 'CNAME', 'a.example'], 'RFC 1912 §2.4'],
    ['beside an alias of server.yml', ['configured.nc.internal', 'A', '10.0.0.1'], 'RFC 1034 §3.6.2'],
  ] as const)('%s', async (_, [name, type, value], rule) => {
    const { add, listed } = await startRecords([{ id: 'server.yml 0', name: 'Configured.nc.internal.', type: 'CNAME', value: 'a.example', ttlSeconds: 60 }]);
    await add('alias.nc.internal', 'CNAME', 'a.example');
    await add('full.nc.internal', 'TXT', 'x');
    const before = listed();

    await expect(add(name, type, value)).rejects.toMatchObject({ code: 'invalid_argument', message: expect.stringContaining(rule) as string });
    expect(listed()).toEqual(before);
  });

  it('for a network that is not there', async () => {
    const { add } = await startRecords();

    await expect(add('a.nc.internal', 'A', '10.0.0.1', { network: 'nowhere' })).rejects.toMatchObject({ code: 'network_unknown' });
  });

  it('a 65th at one name', async () => {
    const { add } = await startRecords();
    for (let i = 1; i <= 64; i++) await add('many.nc.internal', 'A', `10.0.0.${i}`);

    await expect(add('many.nc.internal', 'A', '10.0.0.65')).rejects.toThrow(/at most 64 records/);
  });
});

describe('of records that exclude each other', () => {
  it('one is kept when both are added at the same moment', async () => {
    const { add, listed } = await startRecords();

    const ends = await Promise.allSettled([add('x.nc.internal', 'CNAME', 'a.example'), add('x.nc.internal', 'A', '10.0.0.1')]);

    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(listed()).toHaveLength(1);
  });

  it('mail is not kept for a name that becomes an alias at the same moment', async () => {
    const { add, listed } = await startRecords();

    await Promise.allSettled([add('mail.nc.internal', 'CNAME', 'a.example'), add('nc.internal', 'MX', '10 mail.nc.internal')]);

    expect(listed()).toEqual(['mail.nc.internal CNAME a.example']);
  });

  it.each([
    ['nc.internal', 'MX', '10 mail.nc.internal'],
    ['_imap._tcp.nc.internal', 'SRV', '0 0 143 mail.nc.internal'],
    ['nc.internal', 'NS', 'mail.nc.internal'],
  ])('an alias is not kept for a name to which %s %s leads, before or at the same moment', async (name, type, value) => {
    const [first, second] = [await startRecords(), await startRecords()];
    await first.add(name, type, value);

    await expect(first.add('mail.nc.internal', 'CNAME', 'a.example')).rejects.toThrow(/RFC 2181 §10.3/);
    await Promise.allSettled([second.add(name, type, value), second.add('mail.nc.internal', 'CNAME', 'a.example')]);

    expect(first.listed()).toEqual([`${name} ${type} ${value}`]);
    expect(second.listed()).toEqual(first.listed());
    await second.records.remove(name, ALL, ADMIN);
    await second.add('mail.nc.internal', 'CNAME', 'a.example');
    expect(second.listed()).toEqual(['mail.nc.internal CNAME a.example']);
  });

  it('an alias is not kept for a name to which a record of server.yml leads', async () => {
    const { add } = await startRecords([{ id: 'server.yml 0', name: 'nc.internal', type: 'MX', value: '10 mail.nc.internal', ttlSeconds: 60 }]);

    await expect(add('mail.nc.internal', 'CNAME', 'a.example')).rejects.toThrow(/RFC 2181 §10.3/);
  });

  it('both are kept when nobody sees both', async () => {
    const { add, listed } = await startRecords();
    await add('db.nc.internal', 'A', '10.66.0.9', { network: 'default' });
    await add('db.nc.internal', 'CNAME', 'a.example', { network: 'lab' });

    expect(listed().sort()).toEqual(['db.nc.internal A 10.66.0.9 default', 'db.nc.internal CNAME a.example lab']);
    await expect(add('db.nc.internal', 'TXT', 'for all')).rejects.toThrow(/RFC 1034 §3.6.2/);
  });
});

describe('a record', () => {
  it('that is added again in other words is the same one with another TTL', async () => {
    const { records, add } = await startRecords();
    const first = await add('a.nc.internal', 'AAAA', 'fd00::9', { ttlSeconds: 60 });

    const again = await add('A.nc.internal.', 'aaaa', 'FD00:0:0::9', { ttlSeconds: 90 });

    expect(again).toMatchObject({ id: first.id, name: 'a.nc.internal', type: 'AAAA', ttlSeconds: 90 });
    expect(records.list(ALL_NAMES, '', 10).items).toHaveLength(1);
  });

  it('is told in the audit log, with who added and who removed it', async () => {
    const { records, add, repository } = await startRecords();
    const { id } = await add('a.nc.internal', 'A', '10.0.0.1');
    await records.remove(id, ALL, ADMIN);

    const entries = repository.view.pageAudit({ object: 'record/a.nc.internal A' }, '', 10).items.map(({ value }) => [value.method, value.actor]);
    expect(entries).toEqual([
      ['RemoveRecord', 'local'],
      ['AddRecord', 'local'],
    ]);
  });

  it('is removed by its id alone, or with all others of its name that fit', async () => {
    const { records, add, listed } = await startRecords();
    const { id } = await add('a.nc.internal', 'A', '10.0.0.1');
    for (const [type, value] of [['A', '10.0.0.2'], ['A', '10.0.0.3'], ['TXT', 'x']] as const) await add('a.nc.internal', type, value);
    await add('a.nc.internal', 'TXT', 'lab', { network: 'lab' });

    await records.remove(id, ALL, ADMIN);
    expect(listed()).toHaveLength(4);
    await records.remove('A.nc.internal', { type: 'a', network: '' }, ADMIN);
    expect(listed().sort()).toEqual(['a.nc.internal TXT lab lab', 'a.nc.internal TXT x']);
    await records.remove('a.nc.internal', { type: '', network: 'lab' }, ADMIN);
    await records.remove('a.nc.internal', ALL, ADMIN);

    expect(listed()).toEqual([]);
    await expect(records.remove('a.nc.internal', ALL, ADMIN)).rejects.toMatchObject({ code: 'record_unknown' });
    await expect(records.remove(id, ALL, ADMIN)).rejects.toMatchObject({ code: 'record_unknown' });
  });

  it('is listed with the others by name, page by page', async () => {
    const { records, add } = await startRecords();
    for (const name of ['c', 'a', 'b']) await add(`${name}.nc.internal`, 'A', '10.0.0.1');

    const first = records.list(ALL_NAMES, '', 2);
    const second = records.list(ALL_NAMES, first.next, 2);

    expect([...first.items, ...second.items].map(({ name }) => name)).toEqual(['a.nc.internal', 'b.nc.internal', 'c.nc.internal']);
    expect(records.list({ network: '', name: 'B.nc.internal' }, '', 10).items).toHaveLength(1);
  });
});

const ALL_NAMES = { network: '', name: '' };

describe('the records of a file', () => {
  it('are those that stand there now, beside what admins added, and nothing is written when nothing is new', async () => {
    const { records, repository, add, listed } = await startRecords();
    await add('a.nc.internal', 'A', '10.0.0.1');
    const file = [inFile('A.nc.internal.', 'A', '10.0.0.2'), inFile('b.nc.internal', 'TXT', 'x', 'lab')];

    expect(await records.replace('records file', file)).toEqual([]);
    expect(listed().sort()).toEqual(['a.nc.internal A 10.0.0.1', 'a.nc.internal A 10.0.0.2', 'b.nc.internal TXT x lab']);
    const before = repository.view.rev;
    await records.replace('records file', file);
    expect(repository.view.rev).toBe(before);

    await records.replace('records file', [inFile('b.nc.internal', 'TXT', 'y')]);
    expect(listed().sort()).toEqual(['a.nc.internal A 10.0.0.1', 'b.nc.internal TXT y']);
    await records.replace('records file', []);
    expect(listed()).toEqual(['a.nc.internal A 10.0.0.1']);
  });

  it('stay when those of another are replaced', async () => {
    const { records, listed } = await startRecords([inFile('a.nc.internal', 'A', '10.0.0.1')]);
    await records.replace('records file', [inFile('a.nc.internal', 'A', '10.0.0.1')]);

    await records.replace('records file', []);

    expect(listed()).toEqual(['a.nc.internal A 10.0.0.1']);
  });

  it('of more names than one transaction takes are all stored, and all taken away', async () => {
    const { records, listed } = await startRecords();
    const file = Array.from({ length: 130 }, (_, n) => inFile(`n${n}.nc.internal`, 'A', '10.0.0.1'));

    await records.replace('records file', file);
    expect(listed()).toHaveLength(130);

    await records.replace('records file', file.slice(0, 1));
    expect(listed()).toEqual(['n0.nc.internal A 10.0.0.1']);
  });

  it.each([
    ['an alias beside it', inFile('taken.nc.internal', 'CNAME', 'b.nc.internal'), 'RFC 1034 §3.6.2'],
    ['mail for an alias', inFile('x.nc.internal', 'MX', '10 alias.nc.internal'), 'RFC 2181 §10.3'],
    ['an alias to which mail leads', inFile('mx.nc.internal', 'CNAME', 'b.nc.internal'), 'RFC 2181 §10.3'],
  ])('that break a rule beside what an admin added are told with its number and not taken, the others are: %s', async (_what, wrong, rule) => {
    const { records, add, listed } = await startRecords();
    await add('taken.nc.internal', 'A', '10.0.0.1');
    await add('alias.nc.internal', 'CNAME', 'taken.nc.internal');
    await add('nc.internal', 'MX', '10 mx.nc.internal');
    const before = listed();

    const faults = await records.replace('records file', [wrong, inFile('good.nc.internal', 'A', '10.0.0.9')]);

    expect(faults).toEqual([expect.stringContaining(rule)]);
    expect(listed().sort()).toEqual([...before, 'good.nc.internal A 10.0.0.9'].sort());
  });

  it.each(['server.yml', 'records file'] as const)('are changed there and not by an admin: %s', async (source) => {
    const { records, add, listed } = await startRecords();
    await records.replace(source, [inFile('a.nc.internal', 'A', '10.0.0.1')]);
    const before = listed();
    const refusal = { code: 'permission_denied', message: expect.stringMatching(new RegExp(`stands in (the )?${source}; change it there`)) as string };

    await expect(add('a.nc.internal', 'A', '10.0.0.1', { ttlSeconds: 5 })).rejects.toMatchObject(refusal);
    await expect(records.remove('a.nc.internal', ALL, ADMIN)).rejects.toMatchObject(refusal);

    expect(listed()).toEqual(before);
    await expect(add('a.nc.internal', 'A', '10.0.0.2')).resolves.toMatchObject({ value: '10.0.0.2' });
  });

  it('keep their ids and dates while they stand there', async () => {
    const { records, repository } = await startRecords();
    await records.replace('records file', [inFile('a.nc.internal', 'A', '10.0.0.1')]);
    const [first] = repository.view.dnsName('a.nc.internal')!.value.records;

    await records.replace('records file', [{ ...inFile('a.nc.internal', 'A', '10.0.0.1'), ttlSeconds: 90 }]);

    expect(repository.view.dnsName('a.nc.internal')!.value.records).toEqual([{ ...first, ttlSeconds: 90 }]);
  });
});
