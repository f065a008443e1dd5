import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keys } from '../../../src/server/store/keys.js';
import type { Store, StoreEvent, StoreRecord, Transaction, WatchMessage } from '../../../src/server/store/store.js';
import { until } from '../../support/until.js';
import { describeModel } from './model.js';
import { describeOrder } from './one-order.js';

/** Several handles on one store, as several servers would have. A driver that lives in one process gives the same handle. */
export interface Replicas {
  readonly stores: readonly [Store, Store, Store];
  /** Lets `ms` pass, in the driver's own time, or a part of it where that is real: what comes of it is waited for. */
  elapse(ms: number): void | Promise<void>;
  close(): Promise<void>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value);
const put = (key: string, value = 'v'): { put: string; value: Uint8Array } => ({ put: key, value: bytes(value) });
const write = (...then: Transaction['then']): Transaction => ({ if: [], then });

async function collect(store: Store, prefix: string, pageSize?: number): Promise<StoreRecord[]> {
  const records: StoreRecord[] = [];
  for await (const page of store.list(prefix, pageSize === undefined ? {} : { pageSize })) records.push(...page);
  return records;
}

/** Writes down everything a watch says. */
class Recorder {
  readonly messages: WatchMessage[] = [];
  readonly close: () => void;

  constructor(store: Store, prefix: string, fromRev: bigint) {
    const watch = store.watch(prefix, fromRev, (message) => this.messages.push(message));
    this.close = () => watch.close();
  }

  get revisions(): { rev: bigint; events: readonly StoreEvent[] }[] {
    return this.messages.flatMap((message) => (message.kind === 'events' ? [{ rev: message.rev, events: message.events }] : []));
  }

  /** `rev:type:key=value`, in the order told. */
  get lines(): string[] {
    return this.revisions.flatMap(({ rev, events }) => events.map((event) => `${rev}:${event.type}:${event.key}=${text(event.value)}`));
  }

  async lineCount(n: number): Promise<string[]> {
    await until(() => this.lines.length >= n, `${n} events, got ${this.lines.length}`);
    return this.lines;
  }
}

/** What every driver of the store promises, tested alike on each. */
export function describeStore(name: string, open: () => Promise<Replicas>): void {
  describe(`store on ${name}`, () => {
    let replicas: Replicas | undefined;
    let [one, two, three]: Store[] = [];
    let spaces = 0;
    /** A prefix that no other test uses. */
    const space = (): string => `/conformance/${++spaces}/`;

    beforeAll(async () => {
      replicas = await open();
      [one, two, three] = replicas.stores;
    });
    afterAll(() => replicas?.close());

    const stores = (): Store[] => [one, two, three] as Store[];
    const s1 = (): Store => one as Store;
    const s2 = (): Store => two as Store;
    const s3 = (): Store => three as Store;

    describe('refuses', () => {
      const p = '/conformance/refused/';
      const many = (n: number): Transaction['then'] => Array.from({ length: n }, (_, i) => put(`${p}${i}`));
      const refused: Record<string, Transaction> = {
        'one key written twice': write(put(`${p}a`), put(`${p}a`)),
        'one key put and deleted': write(put(`${p}a`), { del: `${p}a` }),
        'more than 120 operations': write(...many(121)),
        'more than 120 compares': { if: many(121).map((_, i) => ({ key: `${p}${i}`, absent: true })), then: [put(`${p}a`)] },
        'an empty key': write(put('')),
        'a key that has no UTF-8': write(put(`${p}\ud800`)),
        'a compare on a key that has no UTF-8': { if: [{ key: `${p}\udfff`, absent: true }], then: [] },
        'more than a mebibyte': write({ put: `${p}a`, value: new Uint8Array(1024 * 1024) }, put(`${p}b`)),
      };
      for (const [what, transaction] of Object.entries(refused)) {
        it(`${what}, and writes nothing`, async () => {
          await expect(s1().txn(transaction)).rejects.toMatchObject({ code: 'invalid_argument' });
          expect(await collect(s1(), p)).toEqual([]);
        });
      }

      it('nothing at 120 operations', async () => {
        const prefix = space();
        const then = Array.from({ length: 120 }, (_, i) => put(`${prefix}${i}`));
        expect(await s1().txn(write(...then))).toMatchObject({ ok: true });
        expect(await collect(s2(), prefix)).toHaveLength(120);
      });
    });

    describe('a transaction', () => {
      it('writes nothing of a transaction of which one compare fails', async () => {
        const p = space();
        await s1().txn(write(put(`${p}there`)));
        const transaction: Transaction = {
          if: [{ key: `${p}there`, exists: true }, { key: `${p}there`, absent: true }],
          then: [put(`${p}a`), put(`${p}b`)],
        };

        const result = await s2().txn(transaction);

        expect(result).toMatchObject({ ok: false, found: [] });
        expect((await collect(s1(), p)).map((record) => record.key)).toEqual([`${p}there`]);
      });

      it('gives what it was asked to read when a compare fails, and leaves out what is not there', async () => {
        const p = space();
        const { rev } = await s1().txn(write(put(`${p}a`, 'A'), put(`${p}b`, 'B')));

        const { ok, found } = await s2().txn({ if: [{ key: `${p}a`, absent: true }], then: [], elseGet: [`${p}b`, `${p}none`, `${p}a`] });

        expect(ok).toBe(false);
        expect(found.map(({ key, value, createRev, modRev }) => [key, text(value), createRev, modRev])).toEqual([
          [`${p}b`, 'B', rev, rev],
          [`${p}a`, 'A', rev, rev],
        ]);
      });

      it('compares with the revision of the last write, not with the first', async () => {
        const p = space();
        const first = await s1().txn(write(put(`${p}a`)));
        const second = await s1().txn({ if: [{ key: `${p}a`, modRev: first.rev }], then: [put(`${p}a`, '2')] });

        expect(second.ok).toBe(true);
        expect(await s2().txn({ if: [{ key: `${p}a`, modRev: first.rev }], then: [put(`${p}a`, '3')] })).toMatchObject({ ok: false });
        expect(await s3().get(`${p}a`, { linearizable: true })).toMatchObject({ createRev: first.rev, modRev: second.rev });
      });

      it('starts a key anew after it was deleted', async () => {
        const p = space();
        const made = await s1().txn(write(put(`${p}a`)));
        await s1().txn(write({ del: `${p}a` }));
        const again = await s1().txn({ if: [{ key: `${p}a`, absent: true }], then: [put(`${p}a`)] });

        expect(again.ok).toBe(true);
        expect((await s1().get(`${p}a`))?.createRev).toBe(again.rev);
        expect(again.rev).toBeGreaterThan(made.rev);
      });

      it('makes no revision and no event of deleting what is not there', async () => {
        const p = space();
        const { rev } = await s1().txn(write(put(`${p}a`)));
        const watch = new Recorder(s2(), p, rev + 1n);

        const result = await s1().txn(write({ del: `${p}none` }));
        await s1().txn(write({ del: `${p}none` }, put(`${p}b`)));

        expect(result).toMatchObject({ ok: true });
        expect((await watch.lineCount(1)).map((line) => line.replace(/^\d+/, ''))).toEqual([`:put:${p}b=v`]);
        watch.close();
      });

      it('keeps its own copy of the bytes it was given', async () => {
        const p = space();
        const value = Buffer.from('before');
        const writing = s1().txn(write({ put: `${p}a`, value }));
        value.fill('x');
        await writing;

        expect(text((await s1().get(`${p}a`))?.value)).toBe('before');
      });

      it('keeps any bytes, and none', async () => {
        const p = space();
        const all = Uint8Array.from({ length: 256 }, (_, i) => i);
        await s1().txn(write({ put: `${p}all`, value: all }, { put: `${p}none`, value: new Uint8Array() }));

        expect((await collect(s1(), p)).map((record) => [...record.value])).toEqual([[...all], []]);
      });
    });

    describe('racers', () => {
      it('find one winner for one key, of sixty-four on three replicas', async () => {
        const key = `${space()}one`;
        const results = await Promise.all(
          Array.from({ length: 64 }, (_, i) => (stores()[i % 3] as Store).txn({ if: [{ key, absent: true }], then: [put(key, `${i}`)] })),
        );

        const winners = results.flatMap(({ ok }, i) => (ok ? [i] : []));
        expect(winners).toHaveLength(1);
        expect(text((await s1().get(key, { linearizable: true }))?.value)).toBe(`${winners[0]}`);
      });

      it('each get an address of their own out of a pool that holds just enough', async () => {
        const p = space();
        const taken = await Promise.all(Array.from({ length: 64 }, (_, i) => takeAddress(stores()[i % 3] as Store, p, 64, i)));

        expect(new Set(taken).size).toBe(64);
        expect(await collect(s1(), p)).toHaveLength(64);
      });

      it('never both succeed when each needs the absence of what the other writes', async () => {
        for (let round = 0; round < 20; round++) {
          const p = space();
          const [a, b] = await Promise.all([
            s1().txn({ if: [{ key: `${p}a`, absent: true }], then: [put(`${p}b`)] }),
            s2().txn({ if: [{ key: `${p}b`, absent: true }], then: [put(`${p}a`)] }),
          ]);
          expect([a.ok, b.ok].sort()).toEqual([false, true]);
        }
      });

      it('count without losing one', async () => {
        const key = `${space()}counter`;
        await s1().txn(write(put(key, '0')));
        await Promise.all(Array.from({ length: 12 }, (_, i) => increment(stores()[i % 3] as Store, key)));

        expect(text((await s2().get(key, { linearizable: true }))?.value)).toBe('12');
      });
    });

    describe('reads', () => {
      it('see every write that was acknowledged before them, on any replica', async () => {
        const key = `${space()}a`;
        for (let i = 0; i < 20; i++) {
          const { rev } = await (stores()[i % 3] as Store).txn(write(put(key, `${i}`)));
          const reader = stores()[(i + 1) % 3] as Store;
          expect(text((await reader.get(key, { linearizable: true }))?.value)).toBe(`${i}`);
          expect(await reader.currentRev()).toBeGreaterThanOrEqual(rev);
        }
      });

      it('find nothing under a key that only begins like another', async () => {
        const p = space();
        await s1().txn(write(put(`${p}abc`)));
        expect(await s1().get(`${p}ab`)).toBeUndefined();
      });

      it('list in the order of bytes, whatever the characters, and nothing beside the prefix', async () => {
        const p = space();
        const names = ['a', 'a\u0000', 'a/', 'z', '\u00e9', '\ud7ff', '\ue000', '\uffff', '\u{1f600}', '\u{10ffff}', '\u{10ffff}x'];
        const outside = [p.slice(0, -1), `${p.slice(0, -1)}.`, `${p.slice(0, -1)}0`];
        await s1().txn(write(...[...names].reverse().map((key) => put(p + key)), ...outside.map((key) => put(key))));

        const listed = (await collect(s2(), p, 3)).map((record) => record.key);

        expect(listed).toEqual(names.map((key) => p + key).sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))));
        expect((await collect(s2(), `${p}\u{10ffff}`)).map((record) => record.key)).toEqual([`${p}\u{10ffff}`, `${p}\u{10ffff}x`]);
      });

      it('tell the revision of a list before its first page', async () => {
        const p = space();
        const { rev } = await s1().txn(write(put(`${p}a`)));
        const told: (bigint | string)[] = [];

        for await (const page of s1().list(p, { onRevision: (at) => told.push(at) })) told.push(...page.map(({ key }) => key));
        for await (const _page of s1().list(space(), { onRevision: (at) => told.push(at) }));

        expect(told[0]).toBeGreaterThanOrEqual(rev);
        expect(told[1]).toBe(`${p}a`);
        expect(told[2]).toBeGreaterThanOrEqual(rev);
      });

      it('list at one revision, however much is written between the pages', async () => {
        const p = space();
        await s1().txn(write(...['a', 'b', 'c', 'd', 'e'].map((key) => put(p + key, 'old'))));
        const seen: string[] = [];

        for await (const page of s1().list(p, { pageSize: 2 })) {
          seen.push(...page.map((record) => `${record.key.slice(p.length)}=${text(record.value)}`));
          await s2().txn(write(put(`${p}c`, 'new'), { del: `${p}e` }, put(`${p}f`, 'new')));
        }

        expect(seen).toEqual(['a=old', 'b=old', 'c=old', 'd=old', 'e=old']);
      });
    });

    describe('a watch', () => {
      it('tells every watcher of every replica the same, in order, each revision whole', async () => {
        const p = space();
        const from = (await s1().currentRev()) + 1n;
        const early = stores().map((store) => new Recorder(store, p, from));
        await Promise.all(
          Array.from({ length: 60 }, (_, i) => (stores()[i % 3] as Store).txn(write(put(`${p}${i}/a`), put(`${p}${i}/b`), put(`${p}${i}/c`)))),
        );
        const late = stores().map((store) => new Recorder(store, p, from));

        const logs = await Promise.all([...early, ...late].map((watch) => watch.lineCount(180)));

        for (const log of logs) expect(log).toEqual(logs[0]);
        for (const { rev, events } of early[0]?.revisions ?? []) {
          expect(events.every((event) => event.modRev === rev)).toBe(true);
          expect(events.length % 3).toBe(0);
        }
        const revs = (early[0]?.revisions ?? []).map(({ rev }) => rev);
        expect(revs).toEqual([...new Set(revs)].sort((x, y) => Number(x - y)));
        for (const watch of [...early, ...late]) watch.close();
      });

      it('resumes from the middle with exactly the rest, on another replica', async () => {
        const p = space();
        const from = (await s1().currentRev()) + 1n;
        for (let i = 0; i < 10; i++) await s1().txn(write(put(`${p}${i}`), ...(i > 0 ? [{ del: `${p}${i - 1}` }] : [])));
        const whole = new Recorder(s1(), p, from);
        const lines = await whole.lineCount(19);
        const middle = whole.revisions[4]?.rev as bigint;

        const rest = new Recorder(s3(), p, middle + 1n);

        const wanted = lines.filter((line) => BigInt(line.split(':')[0] as string) > middle);
        expect(await rest.lineCount(wanted.length)).toEqual(wanted);
        whole.close();
        rest.close();
      });

      it('loses nothing while writes go on during the replay', async () => {
        const p = space();
        const from = (await s1().currentRev()) + 1n;
        const writing = Promise.all(Array.from({ length: 300 }, (_, i) => s1().txn(write(put(`${p}${i}`)))));
        const watches: Recorder[] = [];
        for (let i = 0; i < 5; i++) {
          await new Promise((resolve) => setImmediate(resolve));
          watches.push(new Recorder(s1(), p, from));
        }
        await writing;

        const logs = await Promise.all(watches.map((watch) => watch.lineCount(300)));

        for (const log of logs) expect(log).toEqual(logs[0]);
        expect(new Set(logs[0]).size).toBe(300);
        for (const watch of watches) watch.close();
      });

      it('from a revision that is not there yet says nothing before it', async () => {
        const p = space();
        const first = await s1().txn(write(put(`${p}a`)));
        const watch = new Recorder(s2(), p, first.rev + 2n);
        await s1().txn(write(put(`${p}b`)));
        await s1().txn(write(put(`${p}c`)));

        expect((await watch.lineCount(1)).map((line) => line.replace(/^\d+:/, ''))).toEqual([`put:${p}c=v`]);
        watch.close();
      });

      it('keeps to its prefix', async () => {
        const p = space();
        const from = (await s1().currentRev()) + 1n;
        const watch = new Recorder(s1(), `${p}a/`, from);
        await s1().txn(write(put(`${p}a/1`), put(`${p}a`), put(`${p}a0`), put(`${p}b/1`)));
        await s1().txn(write(put(`${p}a/2`)));

        expect((await watch.lineCount(2)).map((line) => line.replace(/^\d+:/, ''))).toEqual([`put:${p}a/1=v`, `put:${p}a/2=v`]);
        watch.close();
      });

      it('says nothing once it is closed, not even out of its own listener', async () => {
        const p = space();
        const from = (await s1().currentRev()) + 1n;
        const heard: string[] = [];
        const once = (name: string): void => {
          const watch = s1().watch(p, from, (message) => {
            if (message.kind !== 'events') return;
            heard.push(name);
            watch.close();
            watch.close();
          });
        };
        once('live');
        for (let i = 0; i < 5; i++) await s1().txn(write(put(`${p}${i}`)));
        once('replayed');
        const other = new Recorder(s1(), p, from);

        await other.lineCount(5);
        await until(() => heard.includes('replayed'), 'the replay');
        await s1().txn(write(put(`${p}after`)));
        await other.lineCount(6);
        expect([...heard].sort()).toEqual(['live', 'replayed']);
        other.close();
      });

      it('is told, once, that what it asks for is forgotten, and records stay', async () => {
        const p = space();
        const revs: bigint[] = [];
        for (let i = 0; i < 4; i++) revs.push((await s1().txn(write(put(`${p}${i}`)))).rev);
        const live = new Recorder(s2(), p, (revs[3] as bigint) + 1n);
        await s1().compact(revs[1] as bigint);
        const watches = stores().map((store) => new Recorder(store, p, revs[1] as bigint));
        const kept = new Recorder(s2(), p, revs[2] as bigint);
        await s1().txn(write(put(`${p}4`)));

        for (const watch of watches) await until(() => watch.messages.length > 0, 'the compaction');
        await kept.lineCount(3);
        await live.lineCount(1);

        for (const watch of watches) expect(watch.messages.map((message) => message.kind)).toEqual(['compacted']);
        expect(kept.lines.map((line) => line.replace(/^\d+:/, ''))).toEqual([`put:${p}2=v`, `put:${p}3=v`, `put:${p}4=v`]);
        expect(await collect(s1(), p)).toHaveLength(5);
        for (const watch of [...watches, kept, live]) watch.close();
      });
    });

    describe('expiry', () => {
      it('deletes a key as a revision that watchers see', async () => {
        const p = space();
        const now = await timeOf(s1(), p);
        const { rev } = await s1().txn(write({ ...put(`${p}a`), expireAtMs: now + 2_000 }, put(`${p}b`)));
        const watch = new Recorder(s2(), p, rev + 1n);
        expect(await s1().get(`${p}a`)).toBeDefined();

        await replicas?.elapse(6_000);

        expect((await watch.lineCount(1)).map((line) => line.replace(/^\d+:/, ''))).toEqual([`delete:${p}a=`]);
        expect((await collect(s1(), p)).map((record) => record.key)).toEqual([`${p}b`, `${p}time`]);
        watch.close();
      });

      it('deletes all of many keys', async () => {
        const p = space();
        const now = await timeOf(s1(), p);
        for (let page = 0; page < 3; page++) {
          await s1().txn(write(...Array.from({ length: 100 }, (_, i) => ({ ...put(`${p}${page}/${i}`), expireAtMs: now + 2_000 }))));
        }
        await replicas?.elapse(6_000);

        await until(async () => (await collect(s1(), p)).length === 1, 'the expiry of three hundred keys');
      });

      it('is off once the key is written without one', async () => {
        const p = space();
        const now = await timeOf(s1(), p);
        await s1().txn(write({ ...put(`${p}a`), expireAtMs: now + 2_000 }, { ...put(`${p}b`), expireAtMs: now + 2_000 }));
        await s1().txn(write(put(`${p}a`, 'for ever')));

        await replicas?.elapse(6_000);

        await until(async () => (await s1().get(`${p}b`, { linearizable: true })) === undefined, 'the expiry of the other key');
        expect(text((await s1().get(`${p}a`))?.value)).toBe('for ever');
      });
    });

    describe('a campaign', () => {
      it('has one leader at a time, and the next one when it resigns', async () => {
        const role = `conformance-${++spaces}`;
        const order: string[] = [];
        const from = (await s1().currentRev()) + 1n;
        const first = await s1().campaign(role, 'first', 10);
        const second = s2().campaign(role, 'second', 10).then((leadership) => (order.push('second leads'), leadership));
        const third = new Recorder(s3(), keys.lead(role), from);
        await s3().txn({ if: [first.fence], then: [put(`${space()}as-leader`)] });
        order.push('first resigns');
        await first.resign();
        await first.lost;

        const next = await second;

        expect(order).toEqual(['first resigns', 'second leads']);
        expect((await third.lineCount(3)).map((line) => line.replace(/^\d+:/, ''))).toEqual([
          `put:${keys.lead(role)}=first`,
          `delete:${keys.lead(role)}=`,
          `put:${keys.lead(role)}=second`,
        ]);
        third.close();
        await next.resign();
      });

      it('stops a leader that was replaced, by its fence', async () => {
        const p = space();
        const role = `conformance-${++spaces}`;
        const stale = await s1().campaign(role, 'stale', 10);
        expect(await s1().txn({ if: [stale.fence], then: [put(`${p}a`)] })).toMatchObject({ ok: true });
        const successor = s2().campaign(role, 'successor', 10);
        await s3().txn(write({ del: keys.lead(role) }));
        const leader = await successor;

        expect(await s1().txn({ if: [stale.fence], then: [put(`${p}b`)] })).toMatchObject({ ok: false });
        expect(await s2().txn({ if: [leader.fence], then: [put(`${p}c`)] })).toMatchObject({ ok: true });
        await stale.lost;
        await stale.resign();
        expect(text((await s1().get(keys.lead(role), { linearizable: true }))?.value)).toBe('successor');
        await leader.resign();
      });

      it('goes on for as long as the leader lives', async () => {
        const p = space();
        const role = `conformance-${++spaces}`;
        const leader = await s1().campaign(role, 'alive', 3);
        let over = false;
        void leader.lost.then(() => (over = true));
        for (let second = 0; second < 8; second++) {
          await replicas?.elapse(1_000);
          expect(await s2().txn({ if: [leader.fence], then: [put(`${p}${second}`)] })).toMatchObject({ ok: true });
        }

        expect(over).toBe(false);
        await leader.resign();
        expect(over).toBe(true);
      });
    });

    describeModel(() => s1(), space);
    describeOrder(stores, space);

    /** The store's time, read off a write of it. */
    async function timeOf(store: Store, p: string): Promise<number> {
      const { rev } = await store.txn(write(put(`${p}time`)));
      const watch = new Recorder(store, p, rev);
      await watch.lineCount(1);
      watch.close();
      return watch.messages.flatMap((message) => (message.kind === 'events' ? [message.atMs] : []))[0] as number;
    }
  });
}

/** Takes one of `size` keys, starting anywhere and going round, as an allocator whose cache knows nothing. */
async function takeAddress(store: Store, prefix: string, size: number, seed: number): Promise<string> {
  for (let i = 0; i < size; i++) {
    const key = `${prefix}${(seed * 7 + i) % (size / 2)}${i >= size / 2 ? 'b' : 'a'}`;
    if ((await store.txn({ if: [{ key, absent: true }], then: [put(key, `${seed}`)] })).ok) return key;
  }
  throw new Error('the pool is exhausted');
}

async function increment(store: Store, key: string): Promise<void> {
  for (;;) {
    const seen = (await store.get(key, { linearizable: true })) as StoreRecord;
    const next = String(Number(text(seen.value)) + 1);
    if ((await store.txn({ if: [{ key, modRev: seen.modRev }], then: [put(key, next)] })).ok) return;
  }
}
