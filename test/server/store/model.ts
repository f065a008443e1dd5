import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Compare, Operation, Store, Transaction } from '../../../src/server/store/store.js';

/** A record of the model: its value, and the numbers of the writes that made and last changed it. */
interface Entry {
  readonly value: string;
  readonly made: number;
  readonly changed: number;
}

/** A transaction with keys and revisions that only mean something once the test runs. */
export interface Plan {
  readonly compares: readonly { readonly key: string; readonly want: 'absent' | 'exists' | 'current' | 'older' }[];
  readonly operations: readonly { readonly key: string; readonly value: string | undefined }[];
}

/** The few keys that everybody quarrels about. */
export const KEYS = ['a', 'b', 'c', 'dd', 'd'];

/** Any plan. */
export const plan: fc.Arbitrary<Plan> = fc.record({
  compares: fc.array(fc.record({ key: fc.constantFrom(...KEYS), want: fc.constantFrom('absent', 'exists', 'current', 'older') }), { maxLength: 2 }),
  operations: fc.uniqueArray(fc.record({ key: fc.constantFrom(...KEYS), value: fc.option(fc.string(), { nil: undefined }) }), {
    selector: (operation) => operation.key,
    maxLength: 4,
  }),
});

/** The store against a Map: any sequence of transactions has the same outcomes, records and history. */
export function describeModel(store: () => Store, space: () => string): void {
  it('behaves as a map whose writes are numbered, whatever is asked of it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(plan, { maxLength: 12 }), async (plans) => {
        const prefix = space();
        const model = new Map<string, Entry>();
        const revs: bigint[] = [];
        const start = await store().currentRev();
        const history: string[] = [];
        for (const each of plans) {
          const { transaction, expected, writes } = predict(model, revs, prefix, each);
          const result = await store().txn(transaction);
          expect({ ok: result.ok, found: result.found.map((record) => record.key) }).toEqual(expected);
          if (!expected.ok || writes.length === 0) continue;
          expect(result.rev).toBeGreaterThan(revs.at(-1) ?? start);
          revs.push(result.rev);
          for (const { key, value } of writes) {
            history.push(`${result.rev}:${key}=${value ?? ''}`);
            if (value === undefined) model.delete(key);
            else model.set(key, { value, made: model.get(key)?.made ?? revs.length - 1, changed: revs.length - 1 });
          }
        }
        expect(await recordsOf(store(), prefix)).toEqual(
          [...model].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, { value, made, changed }]) => [key, value, revs[made], revs[changed]]),
        );
        expect(await historyOf(store(), prefix, start + 1n, history.length)).toEqual(history);
      }),
      { numRuns: 40 },
    );
  });
}

function predict(model: ReadonlyMap<string, Entry>, revs: readonly bigint[], prefix: string, { compares, operations }: Plan) {
  const ok = compares.every(({ key, want }) => {
    const entry = model.get(key);
    return want === 'absent' ? entry === undefined : want === 'older' ? false : entry !== undefined;
  });
  const transaction: Transaction = {
    if: compares.map(({ key, want }): Compare => {
      const at = { key: prefix + key };
      if (want === 'absent') return { ...at, absent: true };
      if (want === 'exists') return { ...at, exists: true };
      const modRev = revs[model.get(key)?.changed ?? -1] ?? 1n;
      return { ...at, modRev: want === 'current' ? modRev : modRev - 1n };
    }),
    then: operations.map(({ key, value }): Operation => (value === undefined ? { del: prefix + key } : { put: prefix + key, value: Buffer.from(value) })),
    elseGet: KEYS.map((key) => prefix + key),
  };
  const found = ok ? [] : KEYS.filter((key) => model.has(key)).map((key) => prefix + key);
  const writes = operations.filter(({ key, value }) => value !== undefined || model.has(key));
  return { transaction, expected: { ok, found }, writes };
}

async function recordsOf(store: Store, prefix: string): Promise<unknown[]> {
  const records: unknown[] = [];
  for await (const page of store.list(prefix)) {
    records.push(...page.map((record) => [record.key.slice(prefix.length), Buffer.from(record.value).toString(), record.createRev, record.modRev]));
  }
  return records;
}

function historyOf(store: Store, prefix: string, fromRev: bigint, length: number): Promise<string[]> {
  const lines: string[] = [];
  if (length === 0) return Promise.resolve(lines);
  return new Promise((resolve) => {
    const watch = store.watch(prefix, fromRev, (message) => {
      if (message.kind !== 'events') return;
      for (const event of message.events) lines.push(`${message.rev}:${event.key.slice(prefix.length)}=${Buffer.from(event.value ?? []).toString()}`);
      if (lines.length < length) return;
      watch.close();
      resolve(lines);
    });
  });
}
