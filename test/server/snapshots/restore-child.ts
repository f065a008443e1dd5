import { systemClock } from '../../../src/platform/clock.js';
import { silentLog } from '../../../src/platform/log.js';
import { restore } from '../../../src/server/snapshots/restore.js';
import { openStore } from '../../../src/server/store/open-store.js';

/** Restores a snapshot, until it is killed, and says when it begins. Not a test: power-cut.test.ts starts it. */
const [file = '', path = ''] = process.argv.slice(2);
const { store, close } = await openStore({ file, clock: systemClock, log: silentLog });
process.stdout.write('begins\n');
await restore(store, { path, key: undefined, journal: '', acceptUnknownRevocations: true, nowMs: Date.now() });
await close();
process.stdout.write('done\n');
