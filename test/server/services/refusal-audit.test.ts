import { expect, it, onTestFinished } from 'vitest';
import type { Refusal } from '../../../src/server/services/audit.js';
import { RefusalAudit } from '../../../src/server/services/refusal-audit.js';
import type { Store } from '../../../src/server/store/store.js';
import { recordingLog } from '../../support/recording-log.js';
import { startServices } from '../../support/services.js';
import { until } from '../../support/until.js';

const REFUSAL: Refusal = { actor: 'anonymous', peerAddress: '198.51.100.7', method: 'Register', result: 'token_invalid', reason: 'token: not one of ours' };

async function start(txn?: Store['txn']) {
  const { store, clock, repository } = await startServices();
  const { log, warnings } = recordingLog();
  let writes = 0;
  const counted: Store['txn'] = (...args) => {
    writes++;
    return (txn ?? store.txn.bind(store))(...args);
  };
  const refusals = new RefusalAudit({ store: Object.assign(Object.create(store) as Store, { txn: counted }), clock, log });
  onTestFinished(() => refusals.stop());
  const entries = () => repository.view.pageAudit({ result: REFUSAL.result }, '', 1_000).items.map((entry) => entry.value);
  return { refusals, clock, entries, warnings, writes: () => writes };
}

it('writes the first refusal at once, with who, whence and why', async () => {
  const { refusals, entries, clock } = await start();

  refusals.note(REFUSAL);

  await until(() => entries().length === 1);
  expect(entries()[0]).toMatchObject({ ...REFUSAL, atMs: clock.now() });
});

it('sums up a thousand repetitions in one record', async () => {
  const { refusals, entries, writes } = await start();
  for (let n = 0; n < 1_001; n++) refusals.note(REFUSAL);

  await refusals.flush();

  await until(() => entries().length === 2);
  expect(entries().map((entry) => entry.reason)).toContainEqual(`${REFUSAL.reason} (and 1000 more within a minute)`);
  expect(writes()).toBe(2);
});

it('sums up by itself once a minute, and begins anew', async () => {
  const { refusals, entries, clock } = await start();
  refusals.note(REFUSAL);
  refusals.note(REFUSAL);

  clock.advance(60_000);
  await until(() => entries().length === 2);
  refusals.note(REFUSAL);

  await until(() => entries().length === 3);
});

it('says nothing of a kind that did not come again', async () => {
  const { refusals, writes } = await start();
  refusals.note(REFUSAL);

  await refusals.flush();
  await refusals.flush();

  expect(writes()).toBe(1);
});

it.each([{ actor: 'node:1' }, { peerAddress: '198.51.100.8' }, { method: 'Recover' }, { result: 'token_spent' }])('tells kinds apart: %j', async (other) => {
  const { refusals, writes } = await start();

  refusals.note(REFUSAL);
  refusals.note({ ...REFUSAL, ...other });

  expect(writes()).toBe(2);
});

it('remembers at most ten thousand kinds, so that forged sources cost no memory', async () => {
  const { refusals, writes } = await start(async () => ({ ok: true, rev: 1n, found: [] }));
  refusals.note(REFUSAL);
  for (let n = 0; n < 10_000; n++) refusals.note({ ...REFUSAL, peerAddress: `source ${n}` });

  refusals.note(REFUSAL);

  expect(writes()).toBe(10_002);
});

it('writes what it has counted at the end', async () => {
  const { refusals, entries } = await start();
  refusals.note(REFUSAL);
  refusals.note(REFUSAL);

  await refusals.stop();

  await until(() => entries().length === 2);
});

it('writes no secret that a refused caller gave', async () => {
  const { refusals, entries } = await start();
  const secret = 'A'.repeat(22);

  refusals.note({ ...REFUSAL, reason: `node: got "ncj1_${'0'.repeat(16)}.${secret}.${'B'.repeat(43)}@198.51.100.1:6439"` });

  await until(() => entries().length === 1);
  expect(entries()[0]?.reason).not.toContain(secret);
});

it('says in the log when the store does not take it, and lives on', async () => {
  const { refusals, warnings } = await start(() => Promise.reject(new Error('disk full')));

  refusals.note(REFUSAL);
  await refusals.flush();

  await until(() => warnings.length === 1);
  expect(warnings[0]).toMatchObject({ message: expect.stringContaining('audit'), fields: { method: 'Register', code: 'token_invalid', error: 'Error: disk full' } });
});
