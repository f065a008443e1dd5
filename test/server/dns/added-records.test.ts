import { expect, it } from 'vitest';
import type { ZoneChange } from '../../../src/domain/zone-input.js';
import { dig, digStatus, put, startTestDns } from '../../support/dns.js';

const records: [name: string, type: string, value: string][] = [
  ['www.nc.internal', 'CNAME', 'web-1.default.nc.internal'],
  ['*.apps.nc.internal', 'A', '10.66.0.9'],
  ['nc.internal', 'MX', '10 web-1.default.nc.internal'],
  ['nc.internal', 'TXT', '"v=spf1 -all" "second \\"string\\""'],
  ['nc.internal', 'CAA', '128 issue "ca.example"'],
  ['nc.internal', 'NS', 'ns2.nc.internal'],
  ['*.mail.nc.internal', 'MX', '5 web-1.default.nc.internal'],
  ['*.mail.nc.internal', 'CAA', '0 iodef "mailto:a@example"'],
  ['*.mail.nc.internal', 'TXT', '"any"'],
  ['here.mail.nc.internal', 'TXT', '"itself"'],
  ['*.other.nc.internal', 'CNAME', 'www.nc.internal'],
  ['far.below.other.nc.internal', 'A', '10.66.0.10'],
];
const changes = [put.node(), ...records.map(([name, type, value], i): ZoneChange => ({ kind: 'record', record: { id: `r${i}`, name, type, value, ttlSeconds: 300 } }))];

it.each([
  [['www.nc.internal', 'A'], ['web-1.default.nc.internal.', '10.66.0.5']],
  [['any.apps.nc.internal', 'A'], ['10.66.0.9']],
  [['a.b.apps.nc.internal', 'A'], ['10.66.0.9']],
  [['apps.nc.internal', 'A'], []],
  [['nc.internal', 'MX'], ['10 web-1.default.nc.internal.']],
  [['nc.internal', 'TXT'], ['"v=spf1 -all" "second \\"string\\""']],
  [['nc.internal', 'CAA'], ['128 issue "ca.example"']],
  [['nc.internal', 'NS'], ['ns.nc.internal.', 'ns2.nc.internal.']],
  [['x.mail.nc.internal', 'MX'], ['5 web-1.default.nc.internal.']],
  [['x.y.mail.nc.internal', 'CAA'], ['0 iodef "mailto:a@example"']],
  [['x.mail.nc.internal', 'TXT'], ['"any"']],
  [['here.mail.nc.internal', 'TXT'], ['"itself"']],
  [['here.mail.nc.internal', 'MX'], []],
  [['x.here.mail.nc.internal', 'TXT'], []],
  [['x.other.nc.internal', 'MX'], ['www.nc.internal.', 'web-1.default.nc.internal.']],
  [['x.other.nc.internal', 'AAAA'], ['www.nc.internal.', 'web-1.default.nc.internal.', 'fd00:66::5']],
  [['x.below.other.nc.internal', 'A'], []],
])('dig %j sees %j', async (question, lines) => {
  const { port } = await startTestDns({ changes });

  const output = await dig(port, '+short', ...question);

  expect(output.trim().split('\n').filter(Boolean).sort()).toEqual(lines.toSorted());
});

it('dig sees the addresses of a mail host beside its MX', async () => {
  const { port } = await startTestDns({ changes });

  expect(await dig(port, 'nc.internal', 'MX')).toMatch(/ADDITIONAL SECTION:\s+web-1\.default\.nc\.internal\.\s+60\s+IN\s+A\s+10\.66\.0\.5/);
});

it.each([
  ['a name between others', 'below.other.nc.internal', 'NOERROR'],
  ['the place of a wildcard', 'mail.nc.internal', 'NOERROR'],
  ['a name below one that is there beside the wildcard', 'x.here.mail.nc.internal', 'NXDOMAIN'],
  ['a name below an empty one beside the wildcard', 'x.below.other.nc.internal', 'NXDOMAIN'],
  ['a name that is nowhere', 'nowhere.nc.internal', 'NXDOMAIN'],
])('%s, which has no such record, is %s: %s', async (_what, name, status) => {
  const { port } = await startTestDns({ changes });

  expect(await digStatus(port, name, 'TXT')).toBe(status);
  expect(await dig(port, name, 'TXT')).toMatch(/AUTHORITY SECTION:\s+nc\.internal\.\s+5\s+IN\s+SOA/);
});
