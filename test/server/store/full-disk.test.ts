import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { openStore } from '../../../src/server/store/open-store.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';

const CHILD = fileURLToPath(new URL('./full-disk-child.ts', import.meta.url));

describe('a store whose disk takes no more', () => {
  it('says so, goes on reading, and has every acknowledged write and nothing else when there is room again', async () => {
    const file = join(tmpDir(), 'nc.db');
    // The limit is the operating system's, on the size of any one file, in KiB.
    const output = execFileSync('bash', ['-c', 'ulimit -f 3000; exec "$@"', 'bash', process.execPath, '--import', 'tsx', CHILD, file], { encoding: 'utf8' });
    const told = JSON.parse(output) as { acknowledged: number; name: string; message: string; again: string; readable: boolean; rev: number };

    expect(told.acknowledged).toBeGreaterThan(10);
    expect(told).toMatchObject({ name: 'UnknownOutcome', again: 'UnknownOutcome', readable: true, rev: told.acknowledged });
    expect(told.message).toMatch(/disk I\/O error/);

    const { store, repository, close } = await openStore({ file, clock: new ManualClock(), log: silentLog });
    expect(repository.view.rev).toBe(BigInt(told.acknowledged));
    expect(repository.view.revisionsFrom(1n, Number.MAX_SAFE_INTEGER)).toHaveLength(told.acknowledged);
    expect((await store.txn({ if: [], then: [{ put: 'again', value: new Uint8Array(10) }] })).rev).toBe(BigInt(told.acknowledged + 1));
    await close();
  });
});
