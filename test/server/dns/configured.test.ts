import { expect, it } from 'vitest';
import { silentLog, type LogFields } from '../../../src/platform/log.js';
import { dig, digStatus } from '../../support/dns.js';
import { answering, startNameServer } from '../../support/name-server.js';
import { startTestServer } from '../../support/server.js';
import { until } from '../../support/until.js';

it('a controller answers what its nodes, its configuration and its upstreams say, each in its place', async () => {
  const upstream = await startNameServer((query) => answering(query, [{ type: 'A', name: query.questions![0]!.name, ttl: 60, data: '192.0.2.7' }]));
  const lines: [message: string, fields: LogFields | undefined][] = [];
  const server = await startTestServer({
    log: { ...silentLog, info: (message, fields) => lines.push([message, fields]) },
    settings: [
      'dns:',
      '  listen: ["127.0.0.1:0"]',
      `  upstreams: ["127.0.0.1:${upstream.address.port}"]`,
      '  enclosures: [corp.example]',
      '  records: [{ name: www.nc.internal, type: CNAME, value: web-1.default.nc.internal }]',
      '  sign: true',
      '  logQueries: true',
    ],
  });
  const port = server.ports.dns[0]!;
  expect(await digStatus(port, 'web-1.default.nc.internal')).toBe('NXDOMAIN');

  const member = await server.join(await server.token(), { nodeName: 'web-1' });

  await until(async () => (await dig(port, '+short', 'www.nc.internal')) === `web-1.default.nc.internal.\n${member.bindIp}\n`, 'the new node behind its alias');
  expect(await dig(port, '+short', '-x', member.bindIp)).toBe('web-1.default.nc.internal.\n');
  expect(await dig(port, '+dnssec', 'www.nc.internal')).toContain('RRSIG');
  expect(await dig(port, '+short', 'example.com')).toBe('192.0.2.7\n');
  expect(await digStatus(port, 'secret.corp.example')).toBe('NXDOMAIN');
  expect(upstream.asked.map(({ name }) => name)).toEqual(['example.com']);
  expect(lines.find(([message]) => message === 'zone signed')?.[1]).toMatchObject({ ds: expect.stringMatching(/^nc\.internal\. IN DS \d+ 13 2 [0-9A-F]{64}$/) as string });
  await until(() => lines.some(([message, fields]) => message === 'DNS query' && fields?.['source'] === 'upstream'), 'the query log');
});
