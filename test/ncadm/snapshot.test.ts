import { randomBytes } from 'node:crypto';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../support/clock.js';
import { startTestServer, type TestServer } from '../support/server.js';
import { tmpDir } from '../support/tmp-dir.js';
import { until } from '../support/until.js';
import { ncadm, type Run } from './support.js';

const ask = (server: TestServer, ...words: string[]): Promise<Run> => ncadm(['--socket', server.adminSocket, 'snapshot', ...words]);
const json = <T>({ stdout }: Run): T => JSON.parse(stdout) as T;

interface Shown {
  readonly name: string;
  readonly records: number;
  readonly digest: string;
}

describe('ncadm snapshot', () => {
  it('tells that there is none, and none of that name', async () => {
    const server = await startTestServer();

    expect(json(await ask(server, 'list', '-o', 'json'))).toEqual([]);
    for (const words of [['verify'], ['verify', 'nothing'], ['verify', '../../server.yml']]) {
      expect(await ask(server, ...words)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('snapshot_unknown') });
    }
  });

  it('tells of a target that cannot be written, and goes on serving', async () => {
    const dir = tmpDir();
    writeFileSync(join(dir, 'taken'), '');
    const server = await startTestServer({ dir, settings: ['snapshots: { target: taken }'] });

    expect(await ask(server, 'save')).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('snapshot_failed') });
    expect((await ncadm(['--socket', server.adminSocket, 'status'])).exitCode).toBe(0);
  });

  it('does not start with a key that others may read, or that is none', async () => {
    const dir = tmpDir();
    writeFileSync(join(dir, 'open.key'), randomBytes(32).toString('hex'), { mode: 0o644 });
    writeFileSync(join(dir, 'short.key'), 'abcd', { mode: 0o600 });

    await expect(startTestServer({ dir, settings: ['snapshots: { keyFile: open.key }'] })).rejects.toMatchObject({ code: 'key_file_unsafe' });
    for (const file of ['short.key', 'missing.key']) {
      await expect(startTestServer({ dir, settings: [`snapshots: { keyFile: ${file} }`] })).rejects.toMatchObject({ code: 'config_invalid' });
    }
  });

  it('does not start with a bucket and without credentials', async () => {
    await expect(startTestServer({ settings: ['snapshots: { target: "s3://backups/nc" }'] })).rejects.toMatchObject({ code: 'config_invalid', message: expect.stringContaining('credentialsFile') });
    await expect(startTestServer({ settings: ['snapshots: { target: "s3://Backups" }'] })).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(startTestServer({ settings: ['snapshots: { target: "s3://backups/nc", s3: { credentialsFile: none } }'] })).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('saves, lists and verifies, encrypted where a key is given, with a word in the audit log', async () => {
    const dir = tmpDir();
    mkdirSync(join(dir, 'keys'));
    writeFileSync(join(dir, 'keys', 'snapshot.key'), `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    const server = await startTestServer({ dir, settings: ['snapshots: { target: kept, keyFile: keys/snapshot.key }'] });
    await server.join(await server.token());

    const saved = json<Shown>(await ask(server, 'save', '-o', 'json'));
    const listed = json<Shown[]>(await ask(server, 'list', '-o', 'json'));
    const verified = await ask(server, 'verify', saved.name);
    const audited = json(await ncadm(['--socket', server.adminSocket, 'events', '--audit', '--object', `snapshot/${saved.name}`, '-o', 'json']));

    expect(saved).toMatchObject({ encrypted: true, counts: { cluster: 1, node: 2 }, clusterId: server.clusterId });
    expect(listed).toEqual([saved]);
    expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining(`whole: ${saved.name}: ${saved.records} records`) });
    expect(audited).toMatchObject([{ method: 'SaveSnapshot', actor: 'local', result: 'ok' }]);
    expect(readdirSync(join(dir, 'kept')).sort()).toEqual([saved.name, `${saved.name}.json`]);
  });

  it('is taken by itself when the newest is old enough, and let go when it need not be kept', async () => {
    const clock = new ManualClock(Date.UTC(2026, 4, 12));
    const server = await startTestServer({ clock, settings: ['snapshots: { every: 6h, keepDaily: 1, keepWeekly: 1 }'] });
    const names = async (): Promise<string[]> => json<Shown[]>(await ask(server, 'list', '-o', 'json')).map(({ name }) => name);
    const look = (): void => clock.advance(10 * 60_000);

    const first = await until(async () => (look(), (await names())[0]), 'the first snapshot');
    for (let i = 0; i < 30; i++) look();
    const soon = await names();
    clock.advance(6 * 3_600_000);
    const second = await until(async () => (look(), (await names()).find((name) => name !== first)), 'the next snapshot');
    const left = await until(async () => (await names()).length === 1 && names(), 'the first one to go');

    expect(soon).toEqual([first]);
    expect(left).toEqual([second]);
  });

  it('is never taken by itself when that is switched off', async () => {
    const clock = new ManualClock();
    const server = await startTestServer({ clock, settings: ['snapshots: { every: 0s }'] });

    clock.advance(3 * 86_400_000);

    expect(json(await ask(server, 'list', '-o', 'json'))).toEqual([]);
  });
});

describe('ncadm snapshot restore', () => {
  it('tells what nc-server refuses, with its code, and what it has done', async () => {
    const dir = tmpDir();
    const server = await startTestServer({ dir, settings: ['snapshots: { target: kept }'] });
    await server.join(await server.token());
    const { name } = json<Shown>(await ask(server, 'save', '-o', 'json'));
    await server.stop();
    const config = join(dir, 'server.yml');
    writeFileSync(config, 'server:\n  workDir: work\n  snapshots: { target: kept }\n');

    const refused = await installed(dir, 'snapshot', 'restore', name, '--config', config);
    rmSync(join(dir, 'work', 'db'), { recursive: true });
    const restored = await installed(dir, 'snapshot', 'restore', '--config', config);

    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('ncadm: store_not_empty: store: want an empty one') });
    expect(restored).toMatchObject({ code: 0, stderr: '', stdout: expect.stringContaining(`cluster ${server.clusterId} restored`) });
  });
});

/** Runs `ncadm` as a program that has `nc-server` beside it, both from their sources. */
async function installed(dir: string, ...argv: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const bin = join(dir, 'bin');
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, 'package.json'), '{ "type": "module" }');
  for (const [file, main] of [['ncadm.js', 'ncadm'], ['nc-server.js', 'server']] as const) writeFileSync(join(bin, file), `import ${JSON.stringify(resolve(`src/${main}/main.ts`))};`);
  const child = spawn(process.execPath, ['--import', pathToFileURL(resolve('node_modules/tsx/dist/loader.mjs')).href, join(bin, 'ncadm.js'), ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit') as Promise<[number | null]>]);
  return { code, stdout, stderr };
}
