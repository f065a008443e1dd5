import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/platform/clock.js';
import { silentLog, type Log } from '../../../src/platform/log.js';
import { RecordsFile } from '../../../src/server/dns/records-file.js';
import { defaultNetwork, dig, digStatus } from '../../support/dns.js';
import { startTestServer } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';

const surroundings = { zone: 'nc.internal', networks: [defaultNetwork] };
const www = (value: string): string => `- { name: www.nc.internal, type: A, value: ${value} }\n`;

async function opened(text: string, log: Log = silentLog) {
  const path = join(tmpDir(), 'records.yml');
  writeFileSync(path, text);
  const file = await RecordsFile.open({ path, surroundings, clock: systemClock, log });
  onTestFinished(() => file.stop());
  return { path, file, values: () => file.records.map(({ value }) => value) };
}

describe('a records file is refused at the start, with line and rule', () => {
  it.each([
    ['that is no list', 'www: 10.0.0.1\n', ':1: file: want a list of records'],
    ['with an unknown key', `${www('10.0.0.1')}- { name: a.nc.internal, type: A, valu: 10.0.0.1 }\n`, ':2: 1.valu: unknown key'],
    ['with a name outside', `${www('10.0.0.1')}- { name: a.example, type: A, value: 10.0.0.1 }\n`, ':2: 1: want a name inside the zone (RFC 1034 §4.2)'],
    ['with an alias beside a record', `${www('10.0.0.1')}\n- { name: www.nc.internal, type: CNAME, value: a.example }\n`, ':3: 1: want an alias alone at its name, which has A (RFC 1034 §3.6.2)'],
    ['with a network that is not there', '- { name: a.nc.internal, type: A, value: 10.0.0.1, network: lab }\n', ':1: 0: want a network of this server, got "lab"'],
    ['that is no YAML', '- { name: \n', ':1'],
  ])('%s', async (_, text, sentence) => {
    await expect(opened(text)).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining(`records.yml${sentence}`) as string });
  });

  it('when its folder is not there', async () => {
    const path = join(tmpDir(), 'nowhere', 'records.yml');

    await expect(RecordsFile.open({ path, surroundings, clock: systemClock, log: silentLog })).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('dns.recordsFile') as string });
  });
});

describe('a records file is read again', () => {
  it('when it is written, and when another takes its place, again and again', async () => {
    const { path, values } = await opened(www('10.0.0.1'));

    writeFileSync(path, www('10.0.0.2'));
    await until(() => values()[0] === '10.0.0.2', 'the written file');
    for (const value of ['10.0.0.3', '10.0.0.4']) {
      writeFileSync(`${path}.new`, www(value));
      renameSync(`${path}.new`, path);
      await until(() => values()[0] === value, 'the file in its place');
    }
  });

  it('when the folder behind it is exchanged, as orchestrators do it', async () => {
    const dir = tmpDir();
    for (const [folder, value] of [['one', '10.0.0.1'], ['two', '10.0.0.2']] as const) {
      mkdirSync(join(dir, folder));
      writeFileSync(join(dir, folder, 'records.yml'), www(value));
    }
    symlinkSync('one', join(dir, 'data'));
    symlinkSync('data/records.yml', join(dir, 'records.yml'));
    const file = await RecordsFile.open({ path: join(dir, 'records.yml'), surroundings, clock: systemClock, log: silentLog });
    onTestFinished(() => file.stop());

    symlinkSync('two', join(dir, 'next'));
    renameSync(join(dir, 'next'), join(dir, 'data'));

    await until(() => file.records[0]?.value === '10.0.0.2', 'the other folder\'s file');
  });

  it('when it comes only later', async () => {
    const path = join(tmpDir(), 'records.yml');
    const file = await RecordsFile.open({ path, surroundings, clock: systemClock, log: silentLog });
    onTestFinished(() => file.stop());
    expect(file.records).toEqual([]);

    writeFileSync(path, www('10.0.0.1'));

    await until(() => file.records.length === 1, 'the file');
  });

  it('and what is wrong with it is logged, its records staying as they were, until it is right again', async () => {
    const errors: string[] = [];
    const { path, values } = await opened(www('10.0.0.1'), { ...silentLog, error: (_message, fields) => errors.push(String((fields?.['error'] as Error).message)) });

    writeFileSync(path, `${www('10.0.0.2')}${www('10.0.0.300')}`);
    await until(() => errors.some((text) => text.includes('records.yml:2: 1: ')), 'the fault in the log');
    expect(values()).toEqual(['10.0.0.1']);
    rmSync(path);
    writeFileSync(path, www('10.0.0.4'));

    await until(() => values()[0] === '10.0.0.4', 'the right file');
  });
});

it('a controller answers what the file says, and what it says next, without a restart', async () => {
  const dir = tmpDir();
  const path = join(dir, 'records.yml');
  writeFileSync(path, www('10.0.0.1'));
  const server = await startTestServer({ dir, settings: ['dns: { listen: ["127.0.0.1:0"], recordsFile: records.yml, records: [{ name: fixed.nc.internal, type: CNAME, value: a.example }] }'] });
  const port = server.ports.dns[0]!;
  expect(await dig(port, '+short', 'www.nc.internal')).toBe('10.0.0.1\n');

  writeFileSync(path, '- { name: other.nc.internal, type: A, value: 10.0.0.2 }\n');

  await until(async () => (await dig(port, '+short', 'other.nc.internal')) === '10.0.0.2\n', 'the next file\'s record');
  expect(await digStatus(port, 'www.nc.internal')).toBe('NXDOMAIN');
});
