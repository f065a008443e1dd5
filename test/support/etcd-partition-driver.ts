import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Metadata } from '@grpc/grpc-js';
import type { StatusResponse } from '../../src/gen/etcd/etcd.js';
import { systemClock } from '../../src/platform/clock.js';
import { silentLog } from '../../src/platform/log.js';
import { EtcdMember } from '../../src/server/store/etcd/etcd-member.js';
import { EtcdStore } from '../../src/server/store/etcd/etcd-store.js';

/**
 * Writes to etcd and watches it from one machine of a lab. Told by lines of its standard input, tells lines of JSON:
 *
 * - `leader`: which member leads, `{leader}`;
 * - `begin N`: writes one key after the other and watches them, member N first: `{acked}` for each, how many so far;
 * - `alone N`: writes to member N and no other until `healed`, which tells `{acknowledgedAlone}`;
 * - `finish`: stops, waits until the watch has told of all, and tells `{written, told, kept}`: "key revision" each.
 */
const endpoints = process.argv.slice(2);
const TIMEOUT_MS = 500;
const PAUSE_MS = 10;
const PREFIX = '/partition/';

const written: string[] = [];
const told: string[] = [];
const acknowledgedAlone: string[] = [];
let [writes, isWriting, isAlone] = [0, false, false];
let writing: Promise<void> = Promise.resolve();
let alone: Promise<void> = Promise.resolve();
let store: EtcdStore | undefined;

for await (const line of createInterface({ input: process.stdin })) {
  const [word, argument] = line.split(' ');
  if (word === 'leader') say({ leader: await leader() });
  else if (word === 'begin') await begin(Number(argument));
  else if (word === 'alone') {
    isAlone = true;
    alone = writeAlone(Number(argument));
  } else if (word === 'healed') {
    isAlone = false;
    await alone;
    say({ acknowledgedAlone });
  } else if (word === 'finish') await finish();
}

function say(what: object): void {
  process.stdout.write(`${JSON.stringify(what)}\n`);
}

function open(first: number, all = endpoints): Promise<EtcdStore> {
  return EtcdStore.open({ endpoints: [...all.slice(first), ...all.slice(0, first)], requestTimeoutMs: TIMEOUT_MS, allowOldVersion: true, clock: systemClock, log: silentLog });
}

async function begin(first: number): Promise<void> {
  [written, told, acknowledgedAlone].forEach((list) => list.splice(0));
  store = await open(first);
  const from = (await store.currentRev()) + 1n;
  store.watch(PREFIX, from, (message) => {
    if (message.kind === 'events') told.push(...message.events.map(({ key, modRev }) => `${key} ${modRev}`));
    if (message.kind === 'compacted') told.push('compacted');
  });
  isWriting = true;
  writing = write(store);
}

async function write(to: EtcdStore): Promise<void> {
  for (; isWriting; await sleep(PAUSE_MS)) {
    const key = `${PREFIX}${String(++writes).padStart(8, '0')}`;
    const rev = await to.txn({ if: [{ key, absent: true }], then: [{ put: key, value: Buffer.from('x') }] }).then((result) => result.rev, () => undefined);
    if (rev === undefined) continue;
    written.push(`${key} ${rev}`);
    say({ acked: written.length });
  }
}

/** To a member that the others do not hear. */
async function writeAlone(member: number): Promise<void> {
  let lonely: EtcdStore | undefined;
  for (let i = 0; isAlone; i++) {
    try {
      lonely ??= await open(0, [endpoints[member]!]);
      const key = `${PREFIX}alone-${writes}-${i}`;
      await lonely.txn({ if: [], then: [{ put: key, value: Buffer.from('x') }] });
      acknowledgedAlone.push(key);
    } catch {
      await sleep(PAUSE_MS);
    }
  }
  await lonely?.close();
}

async function finish(): Promise<void> {
  isWriting = false;
  await writing;
  while (told.at(-1) === undefined || !told.includes(written.at(-1)!)) await sleep(PAUSE_MS);
  const kept: string[] = [];
  for await (const page of store!.list(PREFIX)) kept.push(...page.map(({ key, modRev }) => `${key} ${modRev}`));
  await store!.close();
  say({ written, told, kept });
}

async function leader(): Promise<number> {
  const answers = await Promise.all(endpoints.map(statusOf));
  const [first] = answers;
  const isAgreed = first !== undefined && first.leader !== 0n && answers.every((answer) => answer?.leader === first.leader);
  return isAgreed ? answers.findIndex((answer) => answer?.header?.memberId === first.leader) : -1;
}

function statusOf(endpoint: string): Promise<StatusResponse | undefined> {
  const member = new EtcdMember(endpoint, undefined);
  return new Promise((resolve) => {
    member.maintenance.status({}, new Metadata(), { deadline: Date.now() + 2_000 }, (error, status) => {
      member.close();
      resolve(error ? undefined : status);
    });
  });
}
