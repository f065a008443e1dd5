import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DomainError } from '../../../src/domain/errors.js';
import { silentLog } from '../../../src/platform/log.js';
import { keys } from '../../../src/server/store/keys.js';
import type { Decision, LocalView } from '../../../src/server/store/local-view.js';
import { openStore, type OpenStore } from '../../../src/server/store/open-store.js';
import { StoreRepository } from '../../../src/server/store/repository.js';
import type { SqliteStore } from '../../../src/server/store/sqlite-store.js';
import { UnknownOutcome, type Store } from '../../../src/server/store/store.js';
import { ManualClock } from '../../support/clock.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { putAudit, putNode } from './records.js';

let opened: OpenStore;

beforeEach(async () => {
  opened = await openStore({ file: join(tmpDir(), 'nc.db'), clock: new ManualClock(), log: silentLog });
  onTestFinished(() => opened.close());
});

/** Takes the first name that nobody has, as registration takes an address. */
function takeNumber(view: LocalView, node: string): Decision<number> {
  let n = 0;
  while (view.nodeById(`n${n}`)) n++;
  return { if: [{ key: keys.node('default', `n${n}`), absent: true }], then: [putNode({ id: `n${n}`, name: node })], result: n };
}

function newestOf(view: LocalView): bigint {
  return [...view.nodesOf('default')].reduce((newest, { modRev }) => (modRev > newest ? modRev : newest), 0n);
}

describe('repository', () => {
  it('gives two hundred racers two hundred different things', async () => {
    const discarded: number[] = [];
    const taken = await Promise.all(
      Array.from({ length: 200 }, (_, i) => opened.repository.update((view) => takeNumber(view, `racer${i}`), (n) => discarded.push(n))),
    );

    expect(taken.map(({ result }) => result).sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    expect(discarded.length).toBeGreaterThan(0);
    expect(opened.repository.view.nodeCounts().total).toBe(200);
  });

  it('lets through whoever always loses to newcomers that take turns', async () => {
    const { repository } = opened;
    // Each takes the newest, and goes on with changes that nobody else makes, so that in every round another one of them is there first.
    const takeNewest = (id: string) => (view: LocalView): Decision<string> => {
      const newest = [...view.nodesOf('default')].find(({ modRev }) => modRev === newestOf(view));
      const condition = newest === undefined ? [] : [{ key: newest.key, modRev: newest.modRev }];
      return { if: condition, then: [...(newest === undefined ? [] : [{ del: newest.key }]), putNode({ id })], result: id };
    };
    const takeTurns = async (worker: number): Promise<void> => {
      for (let n = 0; n < 150; n++) {
        await repository.update(takeNewest(`w${worker}n${n}`));
        for (let rest = 0; rest < 2; rest++) await repository.update(() => ({ if: [], then: [putAudit(`${worker} ${n} ${rest}`, {})], result: undefined }));
      }
    };

    await expect(Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(takeTurns))).resolves.toHaveLength(8);
  });

  it('shows a revision to its view and tells its listeners before the one who made it hears of it', async () => {
    const told: bigint[] = [];
    opened.repository.onApplied((revision) => told.push(revision.rev));

    const { rev } = await opened.repository.update((view) => takeNumber(view, 'first'));

    expect(opened.repository.view.rev).toBe(rev);
    expect(opened.repository.view.nodeById('n0')?.modRev).toBe(rev);
    expect(told).toEqual([rev]);
  });

  it('tells a new listener nothing that its view shows already', async () => {
    const told: bigint[] = [];
    let since = 0n;
    const end = opened.repository.onApplied(() => {
      end();
      since = opened.repository.view.rev;
      opened.repository.onApplied((revision) => told.push(revision.rev));
    });
    await Promise.all(['a', 'b', 'c'].map((id) => opened.store.txn({ if: [], then: [putNode({ id })] })));
    await opened.store.txn({ if: [], then: [putNode({ id: 'd' })] });

    expect(since).toBe(3n);
    expect(told).toEqual([4n]);
  });

  it('goes on when a listener fails', async () => {
    const told: bigint[] = [];
    opened.repository.onApplied(() => {
      throw new Error('a bug');
    });
    opened.repository.onApplied((revision) => told.push(revision.rev));

    await opened.store.txn({ if: [], then: [putNode({ id: 'a' })] });

    expect(told).toEqual([1n]);
  });

  it('commits nothing for a decision without operations', async () => {
    const { result, rev } = await opened.repository.update(() => ({ if: [{ key: 'x', exists: true }], then: [], result: 'as it was' }));

    expect({ result, rev }).toEqual({ result: 'as it was', rev: 0n });
  });

  it('passes on what the decision refuses with and commits nothing', async () => {
    const refusal = new DomainError('pool_exhausted', 'no free address');

    await expect(opened.repository.update(() => { throw refusal; })).rejects.toBe(refusal);
    expect(await opened.store.currentRev()).toBe(0n);
  });

  it('gives up with a conflict when others always come first, and gives back everything it had set aside', async () => {
    const discarded: number[] = [];
    let round = 0;

    const losing = opened.repository.update(
      () => ({ if: [{ key: 'never', exists: true }], then: [{ del: 'never' }], result: round++ }),
      (result) => discarded.push(result),
    );

    await expect(losing).rejects.toMatchObject({ code: 'conflict' });
    expect(discarded).toEqual(Array.from({ length: round }, (_, i) => i));
  });
});

describe('repository, when an outcome is unknown', () => {
  /** A store whose first transaction gets lost, after it was committed or before. */
  function losing(when: 'the answer' | 'the request'): Store {
    let lost = false;
    const txn: Store['txn'] = async (transaction) => {
      if (lost) return opened.store.txn(transaction);
      lost = true;
      if (when === 'the answer') await opened.store.txn(transaction);
      throw new UnknownOutcome('cut off');
    };
    return new Proxy(opened.store, { get: (store, name) => (name === 'txn' ? txn : Reflect.get(store, name).bind(store)) });
  }

  function repositoryOver(store: Store): StoreRepository {
    return new StoreRepository(store, opened.repository.view, (opened.store as SqliteStore).feed);
  }

  /** Recognises its own earlier commit by the name it has given. */
  function register(view: LocalView): Decision<string> {
    const known = view.nodeById('n1');
    if (known?.value.name === 'mine') return { if: [], then: [], result: 'found' };
    return { if: [{ key: keys.node('default', 'n1'), absent: true }], then: [putNode({ id: 'n1', name: 'mine' })], result: 'made' };
  }

  it('finds its own commit when only the answer was lost, and gives nothing back', async () => {
    const discarded: string[] = [];

    const { result } = await repositoryOver(losing('the answer')).update(register, (what) => discarded.push(what));

    expect(result).toBe('found');
    expect(discarded).toEqual([]);
    expect(await opened.store.currentRev()).toBe(1n);
  });

  it('commits anew when the request was lost, and gives back what the first attempt had set aside', async () => {
    const discarded: string[] = [];

    const { result } = await repositoryOver(losing('the request')).update(register, (what) => discarded.push(what));

    expect(result).toBe('made');
    expect(discarded).toEqual(['made']);
    expect(await opened.store.currentRev()).toBe(1n);
  });

  /** Ends a node and leaves no trace but the audit record: decided again it refuses. */
  function remove(view: LocalView): Decision<string> {
    if (view.nodeById('n1') === undefined) throw new DomainError('node_unknown', 'no such node');
    return { if: [{ key: keys.node('default', 'n1'), exists: true }], then: [{ del: keys.node('default', 'n1') }, putAudit(`removal-${++removals}`, {})], result: `removal ${removals}` };
  }
  let removals = 0;

  it('finds its own commit by the audit record when it would refuse what it has done itself', async () => {
    const discarded: string[] = [];
    await opened.store.txn({ if: [], then: [putNode({ id: 'n1' })] });

    const committed = await repositoryOver(losing('the answer')).update(remove, (what) => discarded.push(what));

    expect(committed).toEqual({ result: `removal ${removals}`, rev: 2n });
    expect(discarded).toEqual([]);
  });

  it('refuses what another one has done meanwhile, and gives back what it had set aside', async () => {
    const discarded: string[] = [];
    await opened.store.txn({ if: [], then: [putNode({ id: 'n1' })] });
    const store = losing('the request');
    const { currentRev } = opened.store;
    const meanwhile = new Proxy(store, {
      get: (of, name) => (name !== 'currentRev' ? Reflect.get(of, name) : async () => {
        await opened.store.txn({ if: [], then: [{ del: keys.node('default', 'n1') }] });
        return currentRev.call(opened.store);
      }),
    });

    await expect(repositoryOver(meanwhile).update(remove, (what) => discarded.push(what))).rejects.toMatchObject({ code: 'node_unknown' });
    expect(discarded).toHaveLength(1);
  });

  it.each([
    ['every answer is lost', { txn: () => Promise.reject(new UnknownOutcome('cut off')) }],
    ['nobody tells what came of it', { txn: () => Promise.reject(new UnknownOutcome('cut off')), currentRev: () => Promise.reject(new DomainError('store_failed', 'no member')) }],
  ] satisfies [string, Partial<Store>][])('says so when %s, instead of claiming that nothing was changed, and gives everything back', async (_why, broken) => {
    const [made, discarded]: [number[], number[]] = [[], []];
    const store = new Proxy(opened.store, { get: (of, name) => Reflect.get(broken, name) ?? Reflect.get(of, name).bind(of) });
    const decide = (): Decision<number> => {
      made.push(made.length);
      return { if: [], then: [putNode({ id: 'n1' })], result: made.length - 1 };
    };

    await expect(repositoryOver(store).update(decide, (result) => discarded.push(result))).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(discarded).toEqual(made);
  });

  it('says that nothing was changed when that is certain', async () => {
    const store = new Proxy(opened.store, { get: (of, name) => (name === 'txn' ? () => Promise.reject(new DomainError('store_failed', 'refused')) : Reflect.get(of, name).bind(of)) });

    await expect(repositoryOver(store).update(register)).rejects.toMatchObject({ code: 'store_failed' });
  });
});
