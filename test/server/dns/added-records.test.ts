import { expect, it } from 'vitest';
import type { ZoneChange } from '../../../src/domain/zone-input.js';
import { dig, put, startTestDns } from '../../support/dns.js';

const records: [name: string, type: string, value: string][] = [
  ['www.nc.internal', 'CNAME', 'web-1.default.nc.internal'],
  ['*.apps.nc.internal', 'A', '10.66.0.9'],
  ['nc.internal', 'MX', '10 web-1.default.nc.internal'],
  ['nc.internal', 'TXT', '"v=spf1 -all" "second \\"string\\""'],
  ['nc.internal', 'CAA', '128 issue "ca.example"'],
  ['nc.internal', 'NS', 'ns2.nc.internal'],
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
])('dig %j sees %j', async (question, lines) => {
  const { port } = await startTestDns({ changes });

  const output = await dig(port, '+short', ...question);

  expect(output.trim().split('\n').filter(Boolean).sort()).toEqual(lines.toSorted());
});

it('dig sees the addresses of a mail host beside its MX', async () => {
  const { port } = await startTestDns({ changes });

  expect(await dig(port, 'nc.internal', 'MX')).toMatch(/ADDITIONAL SECTION:\s+web-1\.default\.nc\.internal\.\s+60\s+IN\s+A\s+10\.66\.0\.5/);
});
