import { writeSync } from 'node:fs';
import { systemClock } from '../../../src/platform/clock.js';
import { silentLog } from '../../../src/platform/log.js';
import { keys } from '../../../src/server/store/keys.js';
import { openStore } from '../../../src/server/store/open-store.js';
import { putAddress, putName, putNode, putPresence } from './records.js';

/** Registers nodes until it is killed, and prints the id of each once it is acknowledged. Not a test: crash.test.ts starts it. */
const [file = '', generation = ''] = process.argv.slice(2);
const { repository } = await openStore({ file, clock: systemClock, log: silentLog });

async function register(id: string): Promise<void> {
  await repository.update((view) => {
    const victim = view.nodeCounts().total > 40 ? view.idleLongest('default', 1)[0] : undefined;
    const bindIp = victim?.value.bindIp ?? `10.0.${generation}.${id.replaceAll(/\D/g, '')}`;
    const gone = victim ? [{ del: victim.key }, { del: keys.name('default', victim.value.name) }] : [];
    return {
      if: [
        { key: keys.node('default', id), absent: true },
        ...(victim ? [{ key: victim.key, modRev: victim.modRev }] : [{ key: keys.address('default', bindIp), absent: true as const }]),
      ],
      then: [putNode({ id, bindIp }), putAddress('default', bindIp, { nodeId: id }), putName('default', id, { nodeId: id }), ...gone],
      result: id,
    };
  });
  writeSync(1, `${id}\n`);
  await repository.update(() => ({ if: [], then: [putPresence({ nodeId: id, state: Number(id.length % 2) * 2 + 1, lastSeenMs: 5_000 })], result: id }));
  await repository.update(() => ({ if: [], then: [putPresence({ nodeId: id, state: -1, lastSeenMs: 6_000 })], result: id }));
}

await Promise.all(
  Array.from({ length: 8 }, async (_, worker) => {
    for (let n = 0; ; n++) await register(`g${generation}w${worker}n${n}`);
  }),
);
