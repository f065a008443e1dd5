import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { WatchEventsRequest, type WatchEventsResponse } from '../../../src/gen/networkcontroller/v1/admin.js';
import { systemClock } from '../../../src/platform/clock.js';
import { silentLog } from '../../../src/platform/log.js';
import { callStream } from '../../../src/platform/rpc-client.js';
import { openConfiguredStore } from '../../../src/server/open-configured-store.js';
import { archiveEvents } from '../../../src/server/services/event-archive.js';
import { EventTail } from '../../../src/server/services/event-tail.js';
import { EtcdCluster, noEtcd } from '../../support/etcd.js';
import { startTestServer, testConfig, type TestServer } from '../../support/server.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { until } from '../../support/until.js';
import { onEtcd } from '../snapshots/engines.js';
import { putName } from '../snapshots/support.js';

describe.skipIf(noEtcd !== undefined)(`the events of a cluster on etcd${noEtcd === undefined ? '' : ` (${noEtcd})`}`, () => {
  let cluster: EtcdCluster;
  const engine = onEtcd(() => cluster);
  beforeAll(async () => {
    cluster = await EtcdCluster.start();
  }, 60_000);
  afterAll(() => cluster?.stop());

  it('go on for each reader where it was, at whichever server, whole and in order', async () => {
    await (await engine.emptyStore()).close();
    const one = await startTestServer({ settings: engine.settings() });
    const other = await startTestServer({ dir: sharing(one), settings: engine.settings() });
    const from = (await events(one, {})).at(-1)!.revision + 1n;
    for (let i = 0; i < 4; i++) await (i % 2 === 0 ? one : other).token();
    const all = await until(async () => {
      const seen = await events(one, { fromRevision: from });
      return seen.filter(({ kind }) => kind === 'token').length === 4 && seen;
    }, 'all tokens to be told of');

    const revisions = [...new Set(all.map(({ revision }) => revision))];
    for (const at of [0, 1, 3]) {
      const read = all.filter(({ revision }) => revision < revisions[at]!);
      // Another server than the one that was read from so far; what it has not applied yet it tells of when it has.
      const rest = await until(async () => {
        const seen = await events(other, { fromRevision: revisions[at]! });
        return seen.some(({ revision }) => revision >= revisions.at(-1)!) && seen;
      }, 'the other server to be as far');
      expect([...read, ...rest].slice(0, all.length).map(plain)).toEqual(all.map(plain));
    }
  }, 120_000);

  it('are kept as far as is configured, are in the archive before they go, and what is gone is refused by its name', async () => {
    await (await engine.emptyStore()).close();
    const config = testConfig(tmpDir(), engine.settings());
    const opened = await openConfiguredStore(config, { clock: systemClock, log: silentLog });
    try {
      const first = await putName(opened.store, 'first', 'x');
      for (let i = 0; i < 20; i++) await putName(opened.store, `n-${i}`, 'x');
      const archive = tmpDir();

      await archiveEvents(opened.repository.view, 'one', archive);
      const forgotten = await opened.forgetHistory({ keepMs: Number.MAX_SAFE_INTEGER, keepRevisions: 5 });
      const kept = await until(() => opened.repository.view.oldestRev > first && opened.repository.view.oldestRev, 'the history to be forgotten');

      expect(kept).toBe(forgotten + 1n);
      expect(opened.repository.view.rev - forgotten).toBeLessThanOrEqual(5n);
      expect(readdirSync(archive)).toHaveLength(1);
      expect(tell(opened.repository, forgotten)).toMatchObject({ code: 'revision_compacted' });
      expect(tell(opened.repository, kept)).toBeUndefined();
    } finally {
      await opened.close();
    }
  }, 120_000);
});

/** What a reader from `fromRevision` on is refused with. */
function tell(repository: ConstructorParameters<typeof EventTail>[0], fromRevision: bigint): unknown {
  let refusal: unknown;
  new EventTail(repository).open(WatchEventsRequest.fromPartial({ fromRevision }), { write: () => true, onDrain() {}, onClose() {}, end() {}, fail: (error) => (refusal = error) });
  return refusal;
}

async function events(server: TestServer, request: Partial<WatchEventsRequest>): Promise<WatchEventsResponse[]> {
  const seen: WatchEventsResponse[] = [];
  for await (const event of callStream(server.admin, 'watchEvents', WatchEventsRequest.fromPartial(request))) seen.push(event);
  return seen;
}

/** Two servers apply a revision at two moments. */
function plain({ atMs: _, ...event }: WatchEventsResponse): object {
  return event;
}

/** A folder for another server of the same cluster. */
function sharing({ dir }: TestServer): string {
  const copy = tmpDir();
  mkdirSync(join(copy, 'work'), { recursive: true, mode: 0o700 });
  for (const secret of ['pki', 'wireguard.key']) cpSync(join(dir, 'work', secret), join(copy, 'work', secret), { recursive: true });
  return copy;
}
