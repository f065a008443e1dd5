import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import type * as fs from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { StateFolder } from '../../../src/client/state/state-folder.js';
import { silentLog } from '../../../src/platform/log.js';
import { aMembership } from '../../support/membership.js';
import { tmpDir } from '../../support/tmp-dir.js';

/** Called after each call that changes the disk. What the folder holds then is what a kill at that moment leaves. */
const disk = vi.hoisted(() => ({ afterChange: () => {}, busy: false }));

vi.mock('node:fs', async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  const watched = ['openSync', 'writeFileSync', 'renameSync', 'symlinkSync', 'mkdirSync', 'rmSync', 'fchmodSync'] as const;
  const wrap = (name: (typeof watched)[number]) => (...args: unknown[]): unknown => {
    const result = (real[name] as (...args: unknown[]) => unknown)(...args);
    if (!disk.busy) disk.afterChange();
    return result;
  };
  return { ...real, ...Object.fromEntries(watched.map((name) => [name, wrap(name)])) };
});

describe('a kill at any step', () => {
  it('of the first save leaves the node not joined or joined, never half, and the keys of the join are never lost', () => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);
    state.keysForJoin('00000000000000aa', () => aMembership(1).keys);

    const crashes = crashesDuring(state.path, () => state.save(aMembership(1)));

    expect(crashes.length).toBeGreaterThan(15);
    for (const crash of crashes) {
      const left = StateFolder.open(crash, silentLog);
      const membership = left.membership();
      if (membership === undefined) {
        expect(left.keysForJoin('00000000000000aa', () => aMembership(9).keys)).toEqual(aMembership(1).keys);
      } else expect(membership).toEqual(aMembership(1));
    }
  });

  it('of a later save leaves the old generation or the new one, and the next save succeeds', () => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);
    for (const serial of [1, 2]) state.save(aMembership(serial));

    const crashes = crashesDuring(state.path, () => state.save(aMembership(3)));

    expect(crashes.length).toBeGreaterThan(15);
    for (const crash of crashes) {
      const left = StateFolder.open(crash, silentLog);
      const serial = left.membership()?.facts.joinedAtMs ?? 0;
      expect([2, 3]).toContain(serial);
      expect(left.membership()).toEqual(aMembership(serial));
      left.save(aMembership(4));
      expect(left.membership()).toEqual(aMembership(4));
    }
  });

  it('of the making of keys leaves all three or none', () => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);

    const crashes = crashesDuring(state.path, () => void state.keysForJoin('00000000000000aa', () => aMembership(1).keys));

    expect(crashes.length).toBeGreaterThan(5);
    for (const crash of crashes) {
      const whole = existsSync(join(crash, 'join-00000000000000aa'));
      const keys = StateFolder.open(crash, silentLog).keysForJoin('00000000000000aa', () => aMembership(2).keys);
      expect(keys).toEqual(aMembership(whole ? 1 : 2).keys);
    }
  });

  it('of a destruction leaves the node not joined', () => {
    const state = StateFolder.open(join(tmpDir(), 'state'), silentLog);
    state.save(aMembership(1));

    const crashes = crashesDuring(state.path, () => state.destroy());

    for (const crash of crashes) expect(StateFolder.open(crash, silentLog).membership()).toBeUndefined();
  });
});

/** Runs `task` and copies the folder after each change of the disk; returns the copies. */
function crashesDuring(folder: string, task: () => void): string[] {
  const copies = tmpDir();
  disk.afterChange = () => {
    disk.busy = true;
    const copy = join(copies, String(readdirSync(copies).length));
    mkdirSync(copy, { mode: 0o700 });
    if (existsSync(folder)) cpSync(folder, copy, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    disk.busy = false;
  };
  try {
    task();
  } finally {
    disk.afterChange = () => {};
  }
  return readdirSync(copies).map((name) => join(copies, name));
}
