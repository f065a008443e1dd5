import { cpSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { callUnary } from '../../../src/platform/rpc-client.js';
import { diskFindings, fileFindings, snapshotFinding } from '../../../src/server/offline/store-findings.js';
import { report } from '../../support/renewals.js';
import { startTestServer } from '../../support/server.js';
import { serverCommand } from '../../support/server-cli.js';
import { tmpDir } from '../../support/tmp-dir.js';

/** A configuration for another folder, and the folder. */
function elsewhere(): { dir: string; config: string } {
  const dir = tmpDir();
  const config = join(dir, 'server.yml');
  writeFileSync(config, 'server: { workDir: work }\n');
  return { dir, config };
}

describe('store migrate', () => {
  it('refuses a store without a cluster, one that is not empty, and one that a server serves', async () => {
    const [empty, full] = [elsewhere(), await startTestServer()];
    const other = elsewhere();
    const migrate = (dir: string, to: string) => serverCommand(dir, ['store', 'migrate', '--to', to]);

    expect((await migrate(empty.dir, other.config)).error).toMatchObject({ code: 'not_initialised' });
    expect((await migrate(full.dir, other.config)).error).toMatchObject({ code: 'store_failed' });
    await full.stop();
    expect((await migrate(full.dir, join(full.dir, 'server.yml'))).error).toMatchObject({ code: 'store_failed' });
    expect(await migrate(full.dir, other.config)).toMatchObject({ exitCode: 0 });
    expect((await migrate(full.dir, other.config)).error).toMatchObject({ code: 'store_not_empty' });
  });

  it('moves a cluster there and back: the same records, the same nodes, open join strings stay open, a new epoch', async () => {
    const before = await startTestServer();
    const member = await before.join(await before.token());
    const open = await before.token();
    const { snapshot } = await callUnary(before.admin, 'saveSnapshot', {});
    await before.stop();
    const other = elsewhere();

    const there = await serverCommand(before.dir, ['store', 'migrate', '--to', other.config]);
    rmSync(join(before.dir, 'work', 'db'), { recursive: true });
    const back = await serverCommand(other.dir, ['store', 'migrate', '--to', join(before.dir, 'server.yml')]);
    const after = await startTestServer({ dir: before.dir });

    expect(there).toMatchObject({ exitCode: 0, result: { clusterId: before.clusterId, records: expect.any(Number), says: expect.arrayContaining([expect.stringMatching(/pki is missing/)]) } });
    expect(back.result).toMatchObject({ records: (there.result as { records: number }).records });
    expect((there.result as { records: number }).records).toBeGreaterThanOrEqual(snapshot!.records);
    await report(after, member);
    await after.join(open.replace(/@.*/, `@127.0.0.1:${after.ports.bootstrap}`));
    const { cluster } = await callUnary(after.admin, 'getStatus', { summaryOnly: true, pageSize: 0, pageToken: '', network: '' });
    expect(cluster).toMatchObject({ id: before.clusterId, epoch: (back.result as { epoch: string }).epoch });
  });
});

describe('store doctor', () => {
  const findings = async (dir: string) => ((await serverCommand(dir, ['store', 'doctor'])).result as { findings: { check: string; result: string; mend: string }[] }).findings;

  it('finds nothing to mend of a store that is served, but that it has no snapshot', async () => {
    const server = await startTestServer();

    const found = await findings(server.dir);

    // How fast the disk is and how much is free is this machine's affair.
    expect(found.filter(({ check, result }) => result !== 'ok' && check !== 'latency' && check !== 'disk')).toMatchObject([{ check: 'snapshots', result: 'warn', mend: 'ncadm snapshot save' }]);
    expect(found.map(({ check }) => check)).toEqual(['store', 'integrity', 'schema', 'log', 'space', 'disk', 'latency', 'snapshots', 'journal']);
  });

  it('finds a file that is cut short, one that is none, and none', async () => {
    const server = await startTestServer();
    await server.stop();
    const [cut, none] = [tmpDir(), tmpDir()];
    cpSync(join(server.dir, 'work'), join(cut, 'work'), { recursive: true });
    truncateSync(join(cut, 'work', 'db', 'nc.db'), 3 * 4096);
    mkdirSync(join(none, 'work', 'db'), { recursive: true });
    writeFileSync(join(none, 'work', 'db', 'nc.db'), 'no database at all'.repeat(100));

    for (const dir of [cut, none]) expect((await findings(dir)).filter(({ result }) => result === 'fail')).toMatchObject([{ mend: expect.stringContaining('snapshot restore') }]);
    expect(await findings(tmpDir())).toMatchObject([{ check: 'store', result: 'fail' }]);
  });

  it.each([
    ['a schema of a newer version', { schema: 99 }, 'schema', 'fail'],
    ['tables of an older version', { schema: 1 }, 'schema', 'warn'],
    ['a log that nobody takes in', { walBytes: 2 ** 30 }, 'log', 'warn'],
    ['a file that is mostly empty', { fileBytes: 2 ** 30, unusedBytes: 2 ** 30 - 1 }, 'space', 'warn'],
  ] as const)('tells of %s', (_what, facts, check, result) => {
    const health = { fileBytes: 4096, walBytes: 0, unusedBytes: 0, schema: 9, newestSchema: 9, faults: [], revision: 7, keptRevisions: 7, sqlite: '3', ...facts };

    expect([...fileFindings(health)].filter((finding) => finding.result !== 'ok')).toMatchObject([{ check, result, mend: expect.stringMatching(/./) }]);
  });

  it('tells of a full disk, a slow one, snapshots that stay away, and a clock that went back', () => {
    const syncMs = { middle: 1, longest: 2 };
    const day = 86_400_000;
    const results = (found: Iterable<{ check: string; result: string }>) => [...found].map(({ check, result }) => `${check} ${result}`);

    expect(results(diskFindings({ freeBytes: 0, syncMs }, 100))).toEqual(['disk fail', 'latency ok']);
    expect(results(diskFindings({ freeBytes: 2 ** 40, syncMs: { middle: 80, longest: 90 } }, 100))).toEqual(['disk ok', 'latency warn']);
    expect(results([snapshotFinding({ name: 's', createdAtMs: 0 }, day, 3 * day)])).toEqual(['snapshots warn']);
    expect(results([snapshotFinding({ name: 's', createdAtMs: 0 }, 0, 3 * day)])).toEqual(['snapshots ok']);
    expect(results([snapshotFinding({ name: 's', createdAtMs: 2 * day }, day, day)])).toEqual(['snapshots warn']);
  });
});
