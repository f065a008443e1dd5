import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openController } from '../support/controller.js';
import { startNode } from '../support/client-node.js';
import { dig } from '../support/dns.js';
import { ncClient, writeConfig } from '../support/nc-client.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';

const RECORDS = [
  { name: 'www.nc.internal', type: 'A', value: '192.0.2.1' },
  { name: 'nc.internal', type: 'MX', value: '10 www.nc.internal' },
  { name: 'far.nc.internal', type: 'TXT', value: 'of the other', network: 'lab' },
];
const IN_FILE = [
  { name: '*.apps.nc.internal', type: 'A', value: '192.0.2.2' },
  { name: 'alias.nc.internal', type: 'CNAME', value: 'www.nc.internal' },
];
const QUESTIONS = [
  ['www.nc.internal', 'A'],
  ['nc.internal', 'MX'],
  ['x.apps.nc.internal', 'A'],
  ['alias.nc.internal', 'A'],
  ['far.nc.internal', 'TXT'],
  ['5.0.67.10.in-addr.arpa', 'PTR'],
  ['web-1.default.nc.internal', 'A'],
  ['later.nc.internal', 'A'],
] as const;

it('records of server.yml and of the records file are in every agent\'s map: it says what the controller says, also when the controller is gone', async () => {
  const recordsFile = join(tmpDir(), 'records.yml');
  writeFileSync(recordsFile, JSON.stringify(IN_FILE));
  const controller = await openController({ networks: [{ name: 'lab', cidr: '10.67.0.0/24' }], dns: { listen: ['127.0.0.1:0'], records: RECORDS, recordsFile } });
  const [dnsPort] = controller.server.ports.dns;
  const node = await startNode(controller, 'web-1');
  const config = writeConfig({ stateDir: node.config.stateDir } as never);
  const resolve = async (name: string, type: string): Promise<string[]> => (await ncClient(['-c', config, 'resolve', name, type])).stdout.split('\n').filter((line) => line !== '').sort();
  const said = async (): Promise<string[][]> => Promise.all(QUESTIONS.map(([name, type]) => resolve(name, type)));
  const wanted = async (): Promise<string[][]> => Promise.all(QUESTIONS.map(async ([name, type]) => (await dig(dnsPort!, '+short', name, type)).split('\n').filter((line) => line !== '').sort()));
  await until(async () => (await resolve('www.nc.internal', 'A')).length > 0, 'the first map');

  expect(await said()).toEqual(await wanted());
  writeFileSync(recordsFile, JSON.stringify([...IN_FILE, { name: 'later.nc.internal', type: 'A', value: '192.0.2.3' }]));
  await until(async () => (await resolve('later.nc.internal', 'A')).length > 0, 'the record that came later');
  const last = await wanted();
  await controller.stop();

  expect(await said()).toEqual(last);
  expect(last).toEqual([['192.0.2.1'], ['10 www.nc.internal.'], ['192.0.2.2'], ['192.0.2.1', 'www.nc.internal.'], [], [], [node.facts.bindIp], ['192.0.2.3']]);
});
