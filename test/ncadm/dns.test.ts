import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/platform/log.js';
import { ManualClock } from '../support/clock.js';
import { dig, digStatus } from '../support/dns.js';
import { startTestServer, type TestServer, type TestServerOptions } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';
import { ncadm, type Run } from './support.js';

const run = promisify(execFile);
const DAY_MS = 86_400_000;

const ask = (server: TestServer, ...words: string[]): Promise<Run> => ncadm(['--socket', server.adminSocket, ...words]);

async function json<T>(server: TestServer, ...words: string[]): Promise<T> {
  const { stdout, stderr } = await ask(server, ...words, '-o', 'json');
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

async function startNamed(dns = '', options: TestServerOptions = {}) {
  const server = await startTestServer({ settings: ['networks: [{ name: lab, cidr: 10.67.0.0/24 }]', `dns: { listen: ["127.0.0.1:0"], ${dns} }`], ...options });
  return { server, port: server.ports.dns[0]! };
}

describe('ncadm dns record', () => {
  it.each([
    ['a name outside of the zones', ['add', 'www.example.com', 'A', '10.0.0.1'], 'invalid_argument', 'RFC 1034 §4.2'],
    ['an alias where nodes have their names', ['add', 'web-1.default.nc.internal', 'CNAME', 'a.example'], 'invalid_argument', 'RFC 1034 §3.6.2'],
    ['a malformed address', ['add', 'www.nc.internal', 'A', '10.0.0.300'], 'invalid_argument', 'IPv4'],
    ['a network that is not there', ['add', 'www.nc.internal', 'A', '10.0.0.1', '--network', 'nowhere'], 'network_unknown', 'default, lab'],
    ['the removal of what was not added', ['remove', 'www.nc.internal', '--yes'], 'record_unknown', 'www.nc.internal'],
  ])('refuses %s', async (_, words, code, sentence) => {
    const { server } = await startNamed();

    const { exitCode, stderr } = await ask(server, 'dns', 'record', ...words, '-o', 'json');

    expect(exitCode).toBe(1);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code, message: expect.stringContaining(sentence) as string } });
  });

  it('lets dig see a record as soon as it is added, until it is removed', async () => {
    const { server, port } = await startNamed();
    expect(await digStatus(port, 'www.nc.internal')).toBe('NXDOMAIN');

    const added = await json<{ id: string }>(server, 'dns', 'record', 'add', 'WWW.nc.internal', 'a', '10.0.0.1', '--ttl', '77');
    expect(await dig(port, 'www.nc.internal')).toMatch(/www\.nc\.internal\.\s+77\s+IN\s+A\s+10\.0\.0\.1/);
    expect((await ask(server, 'dns', 'record', 'list')).stdout).toMatch(new RegExp(`NAME .*\\nwww\\.nc\\.internal +77s +A +10\\.0\\.0\\.1 +\\(all\\) +${added.id}\\n`));

    const removed = await ask(server, 'dns', 'record', 'remove', 'www.nc.internal', '--yes');
    expect([removed.exitCode, removed.stdout]).toEqual([0, 'Record removed: www.nc.internal A 10.0.0.1\n']);
    expect(await digStatus(port, 'www.nc.internal')).toBe('NXDOMAIN');
  });

  it('keeps what was added over a restart', async () => {
    const dir = tmpDir();
    const first = await startNamed('', { dir });
    await ask(first.server, 'dns', 'record', 'add', 'mail.nc.internal', 'MX', '10 a.example');
    await first.server.stop();

    const { port } = await startNamed('', { dir });

    expect(await dig(port, '+short', 'mail.nc.internal', 'MX')).toBe('10 a.example.\n');
  });

  it('shows the nodes of a network what is for them alone', async () => {
    const { server } = await startNamed();
    await ask(server, 'dns', 'record', 'add', 'db.nc.internal', 'A', '10.67.0.9', '--network', 'lab');

    const codes = await Promise.all([['--network', 'lab'], ['--network', 'default'], []].map(async (words) => (await json<{ code: string }>(server, 'dns', 'query', 'db.nc.internal', ...words)).code));

    expect(codes).toEqual(['NOERROR', 'NXDOMAIN', 'NXDOMAIN']);
  });
});

describe('ncadm dns query', () => {
  it.each([
    ['a type that is none', ['www.nc.internal', 'NOSUCH'], 'type: want a type of record'],
    ['a name that is none', ['a..b'], 'want a domain name'],
    ['a network that is not there', ['www.nc.internal', '--network', 'nowhere'], 'network: want one of'],
  ])('refuses %s', async (_, words, sentence) => {
    const { server } = await startNamed();

    const { exitCode, stderr } = await ask(server, 'dns', 'query', ...words);

    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(sentence)]);
  });

  it('says what is answered and where it is from', async () => {
    const { server } = await startNamed('records: [{ name: www.nc.internal, type: CAA, value: \'0 issue "ca.example"\' }]');
    const [fresh, again] = [await json<object>(server, 'dns', 'query', 'www.nc.internal', 'CAA'), await json<object>(server, 'dns', 'query', 'www.nc.internal', 'CAA')];

    expect(fresh).toMatchObject({ code: 'NOERROR', source: 'zone', authoritative: true, answers: [{ name: 'www.nc.internal', ttlSeconds: 300, type: 'CAA', data: '0 issue "ca.example"' }] });
    expect(again).toMatchObject({ source: 'cache' });
    expect(await json<object>(server, 'dns', 'query', 'example.com')).toMatchObject({ code: 'REFUSED', source: 'refusal', answers: [] });
    expect((await ask(server, 'dns', 'query', 'nobody.nc.internal')).stdout).toMatch(/^; authority\nnc\.internal\t5\tSOA\tns\.nc\.internal hostmaster\.nc\.internal \d+ 3600 600 86400 5\n; NXDOMAIN from zone, authoritative, \d+ octets, [\d.]+ ms\n$/);
  });

  it('shows what DNSSEC adds in words', async () => {
    const { server } = await startNamed('sign: true');

    const { stdout } = await ask(server, 'dns', 'query', 'nobody.nc.internal', '--dnssec');

    expect(stdout).toMatch(/nc\.internal\t5\tRRSIG\tSOA 13 key \d+ of nc\.internal/);
    expect(stdout).toContain('\tNSEC\t\\000.nobody.nc.internal');
  });
});

describe('ncadm dns log', () => {
  it('switches the query log, and status tells', async () => {
    const lines: string[] = [];
    const { server, port } = await startNamed('', { log: { ...silentLog, info: (message, fields) => lines.push(`${message} ${String(fields?.['name'])}`) } });
    await dig(port, 'before.nc.internal');

    expect((await ask(server, 'dns', 'log', 'on')).stdout).toBe('Queries are logged\n');
    await until(async () => {
      await dig(port, 'during.nc.internal');
      return lines.includes('DNS query during.nc.internal');
    }, 'the query log');
    expect((await ask(server, 'dns', 'status')).stdout).toMatch(/^Zones: {5}nc\.internal, 0\.66\.10\.in-addr\.arpa, 0\.67\.10\.in-addr\.arpa\nSigned: {4}no\n[^]*Query log: on\nAnswers: {3}zone \d+/);

    expect(await json(server, 'dns', 'log', 'off')).toEqual({ on: false });
    expect(lines).not.toContain('DNS query before.nc.internal');
  });
});

describe('ncadm dns key', () => {
  it('refuses to change keys that are not there', async () => {
    const { server } = await startNamed();

    for (const words of [['ds'], ['key', 'roll'], ['key', 'retire', '--yes']]) {
      const { exitCode, stderr } = await ask(server, 'dns', ...words);
      expect([exitCode, stderr]).toEqual([1, expect.stringContaining('dns_key_not_ready')]);
    }
  });

  it('changes the key while delv validates at every step from the DS that is good then', async () => {
    const clock = new ManualClock(Date.now());
    const { server, port } = await startNamed('sign: true', { clock });
    const dsNow = async (): Promise<string[]> => (await ask(server, 'dns', 'ds')).stdout.split('\n').filter((line) => line.startsWith('nc.internal.'));
    const [old] = await dsNow();
    const believed = (...anchors: string[]): Promise<boolean[]> => Promise.all(anchors.map((ds) => validates(port, ds)));
    expect(await believed(old!)).toEqual([true]);

    const rolled = await ask(server, 'dns', 'key', 'roll');
    expect(rolled.stdout).toMatch(/Keys \d+ \(new\) and \d+ \(retiring\) sign side by side/);
    const [fresh, retiring] = await dsNow();
    expect(retiring).toBe(`${old} ; retiring`);
    expect(await believed(old!, fresh!)).toEqual([true, true]);
    expect((await ask(server, 'dns', 'key', 'retire', '--yes')).stderr).toContain('dns_key_not_ready: DNSSEC key: want to wait until');

    clock.advance(DAY_MS);
    expect((await ask(server, 'dns', 'key', 'retire', '--yes')).stdout).toMatch(/^Key \d+ signs alone\.\n$/);
    expect(await dsNow()).toEqual([fresh]);
    expect(await believed(old!, fresh!)).toEqual([false, true]);
    expect((await ask(server, 'dns', 'key', 'status')).stdout).toMatch(/KEY +STATE +SINCE +DS\n\d+ +active/);
  });
});

/** Whether delv(1) validates a name when this DS is all it knows. */
async function validates(port: number, ds: string): Promise<boolean> {
  const [tag, algorithm, digestType, digest] = ds.split(' ').slice(3);
  const file = join(tmpDir(), 'anchors');
  writeFileSync(file, `trust-anchors { nc.internal. static-ds ${tag} ${algorithm} ${digestType} "${digest}"; };\n`);
  const argv = ['@127.0.0.1', '-p', String(port), '-a', file, '+root=nc.internal', 'ns.nc.internal', 'A'];
  const { stdout, stderr } = await run('delv', argv, { timeout: 20_000 }).catch((error: { stdout: string; stderr: string }) => error);
  return (stdout + stderr).includes('; fully validated');
}
