import { createSocket } from 'node:dgram';
import { decode, encode, type Answer } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDnsName } from '../../../src/domain/dns-name.js';
import { parseRecord, type AddedRecord } from '../../../src/domain/dns-records.js';
import type { ResourceRecord } from '../../../src/domain/dns-record.js';
import { apexRecord, networkRecords, nodeRecords, serviceRecords, soaRecord } from '../../../src/domain/zone-records.js';
import { aNode, aService, defaultNetwork, startTestDns } from '../../support/dns.js';
import { nsdProgram, startNsd } from '../../support/nsd.js';
import { until } from '../../support/until.js';

if (nsdProgram === undefined && process.env['CI'] === 'true') throw new Error('want nsd for the comparison: scripts/system-packages.mjs installs it');
if (nsdProgram === undefined) console.log('skipped: our answers beside those of nsd; install it (apt-get install nsd) to see them');

const zone = parseDnsName('nc.internal');
const network = { ...defaultNetwork, cidr6: '' };
const nodes = Array.from({ length: 20 }, (_, i) => aNode({ id: `n${i}`, name: `web-${i}`, bindIp: `10.66.0.${i + 10}`, bindIp6: i % 2 === 0 ? `fd00:66::${i + 10}` : '' }));
const services = Array.from({ length: 12 }, (_, i) =>
  aService({ id: `i${i}`, name: ['shop', 'api', 'db'][i % 3]!, nodeId: `n${i}`, channel: i % 4 === 0 ? 'beta' : 'stable', protocol: i % 2 === 0 ? 'tcp' : 'udp', metadata: { region: 'eu' } }),
);
const added = (
  [
    ['www', 'CNAME', 'web-1.default.nc.internal'],
    ['chain', 'CNAME', 'www.nc.internal'],
    ['nowhere', 'CNAME', 'nobody.default.nc.internal'],
    ['outside', 'CNAME', 'www.example.com'],
    ['*.apps', 'A', '10.66.0.99'],
    ['*.apps', 'TXT', 'any app'],
    ['own.apps', 'TXT', 'not the wildcard'],
    ['below.deep.apps', 'A', '10.66.0.98'],
    ['*.alias', 'CNAME', 'web-2.default.nc.internal'],
    ['mail', 'MX', '10 web-3.default.nc.internal'],
    ['mail', 'MX', '20 web-4.default.nc.internal'],
    ['txt', 'TXT', '"one" "two"'],
    ['caa', 'CAA', '0 issue "ca.example"'],
  ] as const
).map(([name, type, value], i): AddedRecord => ({ id: `r${i}`, name: `${name}.nc.internal`, type, value, ttlSeconds: 300 }));

/** Everything that the zone should hold, for a server that knows nothing but records. */
function allRecords(): ResourceRecord[] {
  const offered = services.flatMap((service) => serviceRecords(service, nodes.find(({ id }) => id === service.nodeId), zone));
  const forward = [...networkRecords(network, zone), ...nodes.flatMap((node) => nodeRecords(node, zone)), ...offered, ...added.map(parseRecord)];
  return [soaRecord(zone, zone, 7), apexRecord(zone, zone), ...forward.filter(({ name }) => name.endsWith('nc.internal'))];
}

function changes() {
  return [
    ...nodes.map((node) => ({ kind: 'node' as const, node })),
    ...services.map((service) => ({ kind: 'service' as const, service })),
    ...added.map((record) => ({ kind: 'record' as const, record })),
  ];
}

const TYPES = ['A', 'AAAA', 'SRV', 'TXT', 'MX', 'CNAME', 'NS', 'SOA', 'CAA', 'PTR', 'NAPTR', 'DS'] as const;
type Question = { readonly name: string; readonly type: (typeof TYPES)[number]; readonly edns: boolean };

/** Names of the zone, in odd case, with labels taken away, put in front or changed: some exist, most nearly do. */
function questions(count: number): Question[] {
  const known = [...new Set(allRecords().map(({ name }) => name as string))];
  const name = fc.tuple(fc.constantFrom(...known), fc.constantFrom('as it is', 'above', 'below', 'beside', 'upper'), fc.constantFrom('x', '*', '_tcp', 'a.b', 'apps', 'svc')).map(([of, kind, label]) => {
    switch (kind) {
      case 'as it is':
        return of;
      case 'above':
        return of.replace(/^[^.]+\.(?=.*nc\.internal$)/, '');
      case 'below':
        return `${label}.${of}`;
      case 'beside':
        return of.replace(/^[^.]+(?=\..*nc\.internal$)/, label);
      case 'upper':
        return of.toUpperCase();
    }
  });
  return fc.sample(fc.record({ name, type: fc.constantFrom(...TYPES), edns: fc.boolean() }), { numRuns: count, seed: 1034 }).filter(({ name: asked }) => asked.toLowerCase().endsWith('nc.internal'));
}

/** Asks all questions, a hundred at a time, and gives what the answers say, to compare. */
async function answersOf(port: number, list: readonly Question[]): Promise<string[]> {
  const socket = createSocket('udp4');
  const answers: string[] = [];
  socket.on('message', (message) => (answers[message.readUInt16BE(0)] = summary(message)));
  for (let from = 0; from < list.length; from += 100) {
    const batch = list.slice(from, from + 100);
    const pending = () => batch.map((_, i) => from + i).filter((id) => answers[id] === undefined);
    await until(async () => {
      for (const id of pending()) socket.send(encodeQuestion(list[id]!, id), port, '127.0.0.1');
      await until(() => pending().length === 0, 'a batch', 1000).catch(() => undefined);
      return pending().length === 0;
    }, 'all answers');
  }
  socket.close();
  return answers;
}

function encodeQuestion({ name, type, edns }: Question, id: number): Buffer {
  const opt: Answer = { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] };
  return encode({ type: 'query', id, questions: [{ name, type }], additionals: edns ? [opt] : [] });
}

function summary(message: Buffer): string {
  const { rcode, flag_aa, flag_tc, answers, authorities, additionals } = decode(message) as ReturnType<typeof decode> & { rcode: string };
  const records = (list: Answer[] = []): string[] => list.map((record) => JSON.stringify({ ...record, name: record.name.toLowerCase() }).toLowerCase()).sort();
  const soa = authorities?.filter(({ type }) => type === 'SOA');
  return JSON.stringify({ rcode, flag_aa, flag_tc, answers: records(answers), soa: records(soa), opt: additionals?.some(({ type }) => type === 'OPT') });
}

describe.runIf(nsdProgram !== undefined)('beside nsd', () => {
  it('five thousand questions get the same code, flags, records and SOA', async () => {
    const [dns, nsdPort] = [await startTestDns({ networks: [network], changes: changes() }), await startNsd('nc.internal', allRecords())];
    const list = questions(5600);
    await until(() => answersOf(nsdPort, list.slice(0, 1)), 'nsd');

    const [ours, theirs] = [await answersOf(dns.port, list), await answersOf(nsdPort, list)];

    expect(list.length).toBeGreaterThanOrEqual(5000);
    const different = list.map((question, i) => ({ question, ours: ours[i], nsd: theirs[i] })).filter((pair) => pair.ours !== pair.nsd);
    expect(different.slice(0, 5)).toEqual([]);
  });
});
