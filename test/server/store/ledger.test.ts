import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openForWriting } from '../../../src/server/store/database.js';
import { keys } from '../../../src/server/store/keys.js';
import { Ledger, type Outcome } from '../../../src/server/store/ledger.js';
import { migrate } from '../../../src/server/store/migrate.js';
import type { Transaction } from '../../../src/server/store/store.js';
import { tmpDir } from '../../support/tmp-dir.js';
import { events } from './tables.js';

function open(): { ledger: Ledger; history: () => string[] } {
  const db = openForWriting(join(tmpDir(), 'nc.db'));
  onTestFinished(() => void db.close());
  migrate(db);
  return { ledger: new Ledger(db), history: () => events(db).map(({ modRev, type, key }) => `${modRev} ${type} ${key}`) };
}

const make = (key: string): Transaction => ({ if: [{ key, absent: true }], then: [{ put: key, value: Buffer.from(key) }] });
/** Writes a good record before the one that nobody can read. */
const bad = (name: string): Transaction => ({ if: [], then: [{ put: `${name}-beside`, value: Buffer.from('x') }, { put: keys.node('default', name), value: Uint8Array.of(0xff, 0xff) }] });
const summary = (outcomes: readonly Outcome[]): string => outcomes.map((each) => ('error' in each ? 'error' : `${each.ok ? 'ok' : 'no'} ${each.rev}`)).join(', ');

describe('a batch of transactions', () => {
  it.each([
    ['first', ['bad', 'a', 'b'], 'error, ok 1, ok 2'],
    ['in the middle', ['a', 'bad', 'b'], 'ok 1, error, ok 2'],
    ['last', ['a', 'b', 'bad'], 'ok 1, ok 2, error'],
    ['first and last', ['bad', 'a', 'bad'], 'error, ok 1, error'],
  ])('loses the bad one alone, and numbers the others without gap, when it comes %s', (_, names, expected) => {
    const { ledger, history } = open();

    const outcomes = ledger.commit(names.map((name, i) => (name === 'bad' ? bad(`bad-${i}`) : make(name))), 1);

    expect(summary(outcomes)).toBe(expected);
    expect(history()).toEqual(names.filter((name) => name !== 'bad').map((name, i) => `${i + 1} put ${name}`));
    expect(ledger.rev).toBe(BigInt(history().length));
  });

  it('of bad ones alone writes nothing, and the next one goes on from there', () => {
    const { ledger, history } = open();

    expect(summary(ledger.commit([bad('x'), bad('y')], 1))).toBe('error, error');
    expect(summary(ledger.commit([make('a')], 2))).toBe('ok 1');

    expect(history()).toEqual(['1 put a']);
  });

  it('compares with what the ones before it have written, and with nothing of a bad one', () => {
    const { ledger } = open();

    expect(summary(ledger.commit([make('a'), make('a'), bad('x'), make('x-beside')], 1))).toBe('ok 1, no 1, error, ok 2');
  });

  it('finds what a lost comparison asked for as it is after those before it', () => {
    const { ledger } = open();
    const lost: Transaction = { ...make('a'), elseGet: ['a', 'x-beside'] };

    const outcomes = ledger.commit([make('a'), bad('x'), lost], 1);

    expect(outcomes.at(-1)).toMatchObject({ ok: false, rev: 1n, found: [{ key: 'a', createRev: 1n, modRev: 1n }] });
  });

  it('leaves the revision where it was when the file takes none of it', () => {
    const db = openForWriting(join(tmpDir(), 'nc.db'));
    onTestFinished(() => void db.close());
    migrate(db);
    const ledger = new Ledger(db);
    ledger.commit([make('a')], 1);
    db.exec('DROP TABLE meta');

    expect(() => ledger.commit([make('b')], 2)).toThrow(/meta/);

    expect(ledger.rev).toBe(1n);
    expect(events(db).map(({ key }) => key)).toEqual(['a']);
    expect(db.inTransaction).toBe(false);
  });
});
