import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLog } from '../../../src/platform/log.js';
import { openStore } from '../../../src/server/store/open-store.js';
import { ManualClock } from '../../support/clock.js';
import { describeStore } from './conformance.js';

describeStore('SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'nc-test-'));
  const clock = new ManualClock();
  const { store, close } = await openStore({ file: join(dir, 'nc.db'), clock, log: silentLog });
  return {
    stores: [store, store, store],
    elapse: (ms) => clock.advance(ms),
    async close() {
      await close();
      rmSync(dir, { recursive: true });
    },
  };
});
