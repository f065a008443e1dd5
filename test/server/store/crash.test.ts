import Database from 'better-sqlite3';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { silentLog } from '../../../src/platform/log.js';
import { keys } from '../../../src/server/store/keys.js';
import { openStore } from '../../../src/server/store/open-store.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { events, replay, tables } from './tables.js';

const CHILD = fileURLToPath(new URL('./crash-child.ts', import.meta.url));

/** Lets a child register nodes and kills it at a random moment; gives the ids that it was told are safe. */
async function crash(file: string, generation: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', CHILD, file, String(generation)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const enough = 1 + Math.floor(Math.random() * 150);
  const acknowledged: string[] = [];
  for await (const id of createInterface({ input: child.stdout })) {
    acknowledged.push(id);
    if (acknowledged.length === enough) child.kill('SIGKILL');
  }
  await ended;
  expect(child.signalCode).toBe('SIGKILL');
  return acknowledged;
}

describe('a server killed while it writes', () => {
  it('leaves whole revisions only, among them every one that it acknowledged', async () => {
    const file = join(tmpDir(), 'nc.db');
    const safe: string[] = [];
    for (let generation = 1; generation <= 3; generation++) {
      safe.push(...(await crash(file, generation)));
      const { repository, close } = await openStore({ file, clock: new ManualClock(), log: silentLog });
      const { view } = repository;

      const history = view.revisionsFrom(1n, Number.MAX_SAFE_INTEGER) ?? [];
      expect(history.map(({ rev }) => rev)).toEqual(Array.from({ length: Number(view.rev) }, (_, i) => BigInt(i + 1)));
      const everMade = new Set(history.flatMap((revision) => revision.events).filter((event) => event.type === 'put').map((event) => event.key));
      expect(safe.filter((id) => !everMade.has(keys.node('default', id)))).toEqual([]);

      const owners = new Map([...view.addressesOf('default')].flat().map((address) => [view.address('default', address)?.value.nodeId, address]));
      const nodes = [...view.nodesOf('default')];
      expect(nodes.map(({ value }) => owners.get(value.id))).toEqual(nodes.map(({ value }) => value.bindIp));
      expect(nodes.map(({ value }) => view.nameOwner('default', value.name)?.value.nodeId)).toEqual(nodes.map(({ value }) => value.id));
      expect(owners.size).toBe(nodes.length);
      expect(view.nodeCounts().total).toBe(nodes.length);
      await close();
    }

    const db = new Database(file, { readonly: true });
    expect(db.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(tables(db)).toEqual(replay(events(db)));
    db.close();
  });
});
