import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { silentLog, type LogFields } from '../../../src/platform/log.js';
import { startDns } from '../../../src/server/dns/start-dns.js';
import { aQuery, dig, digStatus, put, read, startTestDns } from '../../support/dns.js';
import { until } from '../../support/until.js';

describe('a refusal', () => {
  it.each([
    ['REFUSED', ['example.com', 'A']],
    ['REFUSED', ['nc.internal', 'AXFR']],
    ['REFUSED', ['version.bind', 'CH', 'TXT']],
    ['NXDOMAIN', ['nobody.default.nc.internal', 'A']],
    ['NXDOMAIN', ['-x', '10.66.0.200']],
    ['NOTIMP', ['+opcode=status', 'nc.internal', 'A']],
    ['BADVERS', ['+edns=1', '+noednsneg', 'nc.internal', 'SOA']],
    ['FORMERR', ['+header-only', 'nc.internal', 'SOA']],
  ])('is %s for %j, over UDP and TCP', async (status, question) => {
    const { port } = await startTestDns();

    for (const transport of ['+notcp', '+tcp']) {
      const output = await dig(port, transport, ...question);
      // dig prints no header for a transfer that failed.
      expect(/status: (\w+)/.exec(output)?.[1] ?? (output.includes('Transfer failed') ? 'REFUSED' : output)).toBe(status);
    }
  });

  it('is what the class CHAOS gets, but for the version where it is told', async () => {
    const { port } = await startTestDns({ version: 'network-controller 1.2.3' });

    for (const name of ['version.bind', 'VERSION.Server']) {
      expect(await dig(port, '+short', name, 'CH', 'TXT')).toBe('"network-controller 1.2.3"\n');
    }
    for (const question of [['hostname.bind', 'CH', 'TXT'], ['version.bind', 'CH', 'A'], ['version.bind', 'IN', 'TXT']]) {
      expect(await dig(port, ...question)).toContain('status: REFUSED');
    }
  });

  it('to start says that another program has the port, and leaves nothing behind', async () => {
    const first = await startTestDns();
    const free = await startTestDns();
    await free.stop();

    const second = startTestDns({ listen: [{ host: '127.0.0.1', port: free.port }, { host: '127.0.0.1', port: first.port }] });

    await expect(second).rejects.toMatchObject({ code: 'port_taken', message: expect.stringContaining(String(first.port)) as string });
    await startTestDns({ listen: [{ host: '127.0.0.1', port: free.port }] });
  });

  it('to start says that an address is not this machine\'s', async () => {
    await expect(startTestDns({ listen: [{ host: '192.0.2.1', port: 0 }] })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('to start says that the zone is no name', async () => {
    await expect(startTestDns({ zone: 'nc..internal' })).rejects.toMatchObject({ code: 'invalid_argument' });
  });

  it('of one change keeps none of the others back', async () => {
    const warnings: LogFields[] = [];
    const dns = await startTestDns({ log: { ...silentLog, warn: (_, fields) => warnings.push(fields ?? {}) } });

    dns.apply({ revision: 8n, changes: [put.node({ id: 'bad', name: 'b..d' }), put.node({ id: 'good', name: 'good', bindIp: '10.66.0.6' })] });

    expect(read(await dns.answer(aQuery('good.default.nc.internal'), { address: '10.66.0.5' })).answers).toHaveLength(1);
    expect(warnings).toMatchObject([{ change: 'node', revision: 8n }]);
  });
});

describe('an answer', () => {
  it.each([
    [['web-1.default.nc.internal', 'A'], '10.66.0.5'],
    [['WEB-1.default.NC.internal', 'AAAA'], 'fd00:66::5'],
    [['shop.svc.nc.internal', 'A'], '10.66.0.5'],
    [['_shop._tcp.svc.nc.internal', 'SRV'], '1 10 8080 i1.shop.stable.svc.nc.internal.'],
    [['-x', '10.66.0.5'], 'web-1.default.nc.internal.'],
    [['-x', 'fd00:66::5'], 'web-1.default.nc.internal.'],
    [['nc.internal', 'NS'], 'ns.nc.internal.'],
    [['nc.internal', 'SOA'], 'ns.nc.internal. hostmaster.nc.internal. 7 3600 600 86400 5'],
    [['nc.internal', 'ANY'], 'ns.nc.internal.'],
  ])('to dig %j is %s, over UDP and TCP', async (question, expected) => {
    const { port } = await startTestDns();

    for (const transport of ['+notcp', '+tcp']) expect((await dig(port, '+short', transport, ...question)).trim()).toBe(expected);
  });

  it('of no records is NOERROR with the SOA', async () => {
    const { port } = await startTestDns();

    const output = await dig(port, 'web-1.default.nc.internal', 'MX');

    expect(output).toMatch(/status: NOERROR/);
    expect(output).toMatch(/flags: qr aa rd; QUERY: 1, ANSWER: 0, AUTHORITY: 1/);
    expect(output).toMatch(/nc\.internal\.\s+5\s+IN\s+SOA/);
  });

  it('too long for UDP is fetched whole over TCP by a client that knows no better', async () => {
    const changes = [put.node(), ...Array.from({ length: 80 }, (_, i) => put.service({ id: `i${i}`, port: 1000 + i }))];
    const { port } = await startTestDns({ changes });

    const lines = await dig(port, '+short', '_shop._tcp.svc.nc.internal', 'SRV');

    expect(lines.trim().split('\n')).toHaveLength(80);
    expect(await dig(port, '+ignore', '_shop._tcp.svc.nc.internal', 'SRV')).toMatch(/flags: qr aa tc rd;.*ANSWER: 0/);
  });

  it('comes to Node\'s own resolver', async () => {
    const { port } = await startTestDns();
    const resolver = new Resolver();
    resolver.setServers([`127.0.0.1:${port}`]);

    expect(await resolver.resolve4('web-1.default.nc.internal')).toEqual(['10.66.0.5']);
    expect(await resolver.resolveSrv('_shop._tcp.svc.nc.internal')).toEqual([{ name: 'i1.shop.stable.svc.nc.internal', port: 8080, priority: 1, weight: 10 }]);
    expect(await resolver.reverse('10.66.0.5')).toEqual(['web-1.default.nc.internal']);
    await expect(resolver.resolve4('nobody.default.nc.internal')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    await expect(resolver.resolveMx('web-1.default.nc.internal')).rejects.toMatchObject({ code: 'ENODATA' });
  });

  it('comes to drill(1), whose library is nobody else\'s', async () => {
    const { port } = await startTestDns();
    const drill = async (...question: string[]): Promise<string> => (await promisify(execFile)('drill', ['-p', String(port), ...question, '@127.0.0.1'])).stdout;

    expect(await drill('_shop._tcp.svc.nc.internal', 'SRV')).toMatch(/rcode: NOERROR[^]*IN\s+SRV\s+1 10 8080 i1\.shop\.stable\.svc\.nc\.internal\.[^]*ADDITIONAL SECTION:[^]*10\.66\.0\.5/);
    expect(await drill('-t', 'web-1.default.nc.internal', 'AAAA')).toMatch(/flags: qr aa[^]*fd00:66::5/);
    expect(await drill('nobody.default.nc.internal')).toMatch(/rcode: NXDOMAIN[^]*SOA/);
  });

  it('comes over IPv6 too, beside IPv4 at the same port', async () => {
    const { port } = await startTestDns({ listen: [{ host: '0.0.0.0', port: 0 }] });
    await startTestDns({ listen: [{ host: '::', port }] });
    const resolver = new Resolver();
    resolver.setServers([`[::1]:${port}`]);

    expect(await resolver.resolve4('web-1.default.nc.internal')).toEqual(['10.66.0.5']);
    expect(await digStatus(port, 'nc.internal', 'SOA')).toBe('NOERROR');
  });

  it('to a query through the tunnel shows every revision handed over before it', async () => {
    const dns = await startTestDns({ listen: [] });

    for (let i = 1; i <= 50; i++) {
      dns.apply({ revision: BigInt(i), changes: [put.node({ bindIp: `10.66.0.${i}` })] });
      const answer = read(await dns.answer(aQuery('web-1.default.nc.internal'), { address: '10.66.0.5' }));
      expect(answer.answers?.[0]).toMatchObject({ data: `10.66.0.${i}` });
    }
  });

  it('to the network shows a revision as soon as it is applied, service by service', async () => {
    const dns = await startTestDns();

    dns.apply({ revision: 8n, changes: [{ kind: 'serviceRemoved', network: 'default', id: 'i1' }] });
    await until(() => dns.stats().serial === 8, 'the revision');

    expect(await digStatus(dns.port, 'shop.svc.nc.internal', 'A')).toBe('NXDOMAIN');
    expect(await dig(dns.port, '+short', 'nc.internal', 'SOA')).toContain(' 8 3600');
  });

  it('keeps coming after every kind of broken packet', async () => {
    const dns = await startTestDns();
    const socket = createSocket('udp4');
    const query = aQuery('web-1.default.nc.internal');

    for (let length = 0; length <= query.length; length++) socket.send(query.subarray(0, length), dns.port, '127.0.0.1');
    for (let at = 0; at < query.length - 1; at++) socket.send(Buffer.from(query).fill(0xc0, at, at + 2), dns.port, '127.0.0.1');
    await until(() => dns.stats().udpQueries >= query.length, 'the packets');
    socket.close();

    expect(await dig(dns.port, '+short', 'web-1.default.nc.internal')).toBe('10.66.0.5\n');
    expect(dns.stats().sources.refusal).toBeGreaterThan(10);
  });

  it('is none for an answer, nor after the end', async () => {
    const dns = await startTestDns();
    const answer = await dns.answer(aQuery('web-1.default.nc.internal'), { address: '10.66.0.5' });

    expect(await dns.answer(answer!, { address: '10.66.0.5' })).toBeUndefined();
    await dns.stop();
    await dns.stop();
    expect(await dns.answer(aQuery('web-1.default.nc.internal'), { address: '10.66.0.5' })).toBeUndefined();
  });

  it('is written down with its path while that is wanted, and not after', async () => {
    const lines: LogFields[] = [];
    const dns = await startTestDns({ log: { ...silentLog, info: (_, fields) => lines.push(fields ?? {}) } });
    const ask = (name: string) => dns.answer(aQuery(name), { address: '10.66.0.5' });

    await ask('web-1.default.nc.internal');
    dns.logQueries(true);
    await ask('WEB-1.default.nc.internal');
    await ask('nobody.default.nc.internal');
    await ask('example.com');
    await dns.answer(Buffer.alloc(12, 1), { address: '10.66.0.6' });
    dns.logQueries(false);
    await ask('web-1.default.nc.internal');

    expect(lines).toMatchObject([
      { address: '10.66.0.5', via: 'tunnel', name: 'web-1.default.nc.internal', type: 'A', code: 'NOERROR', source: 'cache' },
      { name: 'nobody.default.nc.internal', code: 'NXDOMAIN', source: 'zone' },
      { name: 'example.com', code: 'REFUSED', source: 'refusal' },
      { address: '10.66.0.6', code: 'FORMERR', source: 'refusal' },
    ]);
  });

  it('is counted by where it came from', async () => {
    const dns = await startTestDns();

    for (const name of ['web-1.default.nc.internal', 'web-1.default.nc.internal', 'example.com']) await dig(dns.port, name);
    await dig(dns.port, '+tcp', 'web-1.default.nc.internal');

    expect(dns.stats()).toMatchObject({
      udpQueries: 3,
      tcpQueries: 1,
      serial: 7,
      sources: { zone: 1, cache: 2, refusal: 1, upstream: 0 },
      answers: [
        { type: 'A', code: 'NOERROR', source: 'zone', count: 1 },
        { type: 'A', code: 'NOERROR', source: 'cache', count: 2 },
        { type: 'A', code: 'REFUSED', source: 'refusal', count: 1 },
      ],
    });
  });
});

it('is started by the shortest call', async () => {
  const dns = await startDns({ listen: [], zone: 'nc.internal', networks: [], upstreams: [], log: silentLog });

  expect(dns.ports).toEqual([]);
  await dns.stop();
});
