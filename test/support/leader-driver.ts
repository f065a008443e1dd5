/**
 * A leader of a role that can be paused: `SIGSTOP` stops a process, which no fake does.
 *
 * Arguments: the options of etcd as JSON with the files of TLS, the role, the term in seconds. Writes `leads <revision of its key>`. Then for each
 * line on stdin, a key, it tries to write that key as the leader in both ways and writes one line of JSON: whether the store took it with the
 * fence, and what the fenced repository said.
 */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { systemClock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import { fencedRepository } from '../../src/server/replicas/fenced-repository.js';
import { EtcdStore } from '../../src/server/store/etcd/etcd-store.js';
import type { LocalView, Repository } from '../../src/server/store/local-view.js';

const [settings = '', role = '', ttlSeconds = ''] = process.argv.slice(2);
const { endpoints, ca, cert, key } = JSON.parse(settings) as { endpoints: string[]; ca: string; cert: string; key: string };
const tls = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };

const store = await EtcdStore.open({ endpoints, tls, requestTimeoutMs: 2_000, allowOldVersion: true, clock: systemClock, log: silentLog });
const leadership = await store.campaign(role, `driver-${process.pid}`, Number(ttlSeconds));
/** Only what a fence needs of a repository. */
const repository: Repository = {
  view: {} as LocalView,
  reached: async () => {},
  onApplied: () => () => {},
  async update(decide) {
    const { if: compares, then, result } = decide(this.view);
    const { ok, rev } = await store.txn({ if: compares, then });
    if (!ok) throw new Error('refused by the store');
    return { result, rev };
  },
};

createInterface({ input: process.stdin }).on('line', (line) => void write(line));
console.log(`leads ${'modRev' in leadership.fence ? leadership.fence.modRev : ''}`);

async function write(name: string): Promise<void> {
  const put = (part: string) => ({ put: `${name}/${part}`, value: Buffer.from('late') });
  const { ok } = await store.txn({ if: [leadership.fence], then: [put('raw')] });
  const fenced = await fencedRepository(repository, leadership)
    .update(() => ({ if: [], then: [put('fenced')], result: 'written' }))
    .then(({ result }) => result, (error: Error) => error.message);
  console.log(JSON.stringify({ ok, fenced }));
}
