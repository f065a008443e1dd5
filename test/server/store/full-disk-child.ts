import { systemClock } from '../../../src/platform/clock.js';
import { silentLog } from '../../../src/platform/log.js';
import { openStore } from '../../../src/server/store/open-store.js';

/** Writes until the disk refuses, then says what it was told and what it can still read. Not a test: full-disk.test.ts starts it. */
const { store, repository, close } = await openStore({ file: process.argv[2] ?? '', clock: systemClock, log: silentLog });

let acknowledged = 0;
let refusal: unknown;
while (refusal === undefined) {
  try {
    await store.txn({ if: [], then: [{ put: `k${acknowledged}`, value: new Uint8Array(20_000) }] });
    acknowledged++;
  } catch (error) {
    refusal = error;
  }
}
const again = await store.txn({ if: [], then: [{ put: 'again', value: new Uint8Array(100_000) }] }).catch((error: unknown) => error);
const readable = await store.get(`k${acknowledged - 1}`);
const { name, message, code } = refusal as Error & { code?: string };
console.log(
  JSON.stringify({ acknowledged, name, message, code, again: (again as Error).name, readable: readable !== undefined, rev: Number(repository.view.rev) }),
);
await close().catch(() => {});
