import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Compare, Operation, Store, Transaction, TransactionResult } from '../../../src/server/store/store.js';
import { KEYS, plan, type Plan } from './model.js';

/** The revision that wrote each key last, at one point of the history. */
type State = ReadonlyMap<string, bigint>;

interface Asked {
  readonly transaction: Transaction;
  readonly result: TransactionResult;
}

/** Many transactions at once: the history tells one order of them in which every outcome, also each refusal, is right. */
export function describeOrder(stores: () => Store[], space: () => string): void {
  it('gives transactions that come at once outcomes that one order explains', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { minLength: 4, maxLength: 30 }), async (plans) => {
        const prefix = space();
        const [first] = stores() as [Store];
        const seeded = await first.txn({ if: [], then: KEYS.slice(0, 3).map((key) => ({ put: prefix + key, value: Buffer.from('seed') })) });
        const asked = await Promise.all(
          plans.map(async (each, i): Promise<Asked> => {
            const transaction = transactionOf(each, prefix, seeded.rev, `writer ${i}`);
            return { transaction, result: await (stores()[i % 3] as Store).txn(transaction) };
          }),
        );
        const end = await first.txn({ if: [], then: [{ put: `${prefix}end`, value: Buffer.from('') }] });

        const history = await historyOf(first, prefix, seeded.rev, end.rev);

        expect(asked.filter((each) => !isExplained(each, history))).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });
}

function transactionOf({ compares, operations }: Plan, prefix: string, seedRev: bigint, value: string): Transaction {
  return {
    if: compares.map(({ key, want }): Compare => {
      const at = { key: prefix + key };
      if (want === 'absent') return { ...at, absent: true };
      if (want === 'exists') return { ...at, exists: true };
      return { ...at, modRev: want === 'current' ? seedRev : seedRev - 1n };
    }),
    then: operations.map((operation): Operation => {
      const key = prefix + operation.key;
      return operation.value === undefined ? { del: key } : { put: key, value: Buffer.from(value) };
    }),
  };
}

/** What a history says: the state after each revision that touched the prefix, and who wrote what there. */
interface History {
  readonly states: readonly { readonly rev: bigint; readonly state: State }[];
  readonly writes: ReadonlySet<string>;
}

function historyOf(store: Store, prefix: string, fromRev: bigint, toRev: bigint): Promise<History> {
  const states: { rev: bigint; state: State }[] = [];
  const writes = new Set<string>();
  return new Promise((resolve) => {
    const watch = store.watch(prefix, fromRev, (message) => {
      if (message.kind !== 'events') return;
      const state = new Map(states.at(-1)?.state);
      for (const event of message.events) {
        if (event.type === 'put') state.set(event.key, event.modRev);
        else state.delete(event.key);
        writes.add(`${message.rev} ${event.key} ${Buffer.from(event.value ?? []).toString()}`);
      }
      states.push({ rev: message.rev, state });
      if (message.rev < toRev) return;
      watch.close();
      resolve({ states, writes });
    });
  });
}

/**
 * A driver may give transactions that have nothing to do with each other one revision. So a refusal may have been decided just before
 * the revision it names or at it, and so may the success of one that changed nothing.
 */
function isExplained({ transaction, result }: Asked, { states, writes }: History): boolean {
  const before = states.filter(({ rev }) => rev < result.rev).at(-1)?.state ?? new Map();
  const at = states.filter(({ rev }) => rev <= result.rev).at(-1)?.state ?? new Map();
  if (!result.ok) return !holds(transaction, before) || !holds(transaction, at);
  const puts = transaction.then.flatMap((operation) => ('put' in operation ? [operation] : []));
  if (puts.length === 0) return holds(transaction, before) || holds(transaction, at);
  return holds(transaction, before) && puts.every(({ put, value }) => writes.has(`${result.rev} ${put} ${Buffer.from(value).toString()}`));
}

function holds(transaction: Transaction, state: State): boolean {
  return transaction.if.every((compare) => {
    const modRev = state.get(compare.key);
    if ('absent' in compare) return modRev === undefined;
    return 'exists' in compare ? modRev !== undefined : modRev === compare.modRev;
  });
}
