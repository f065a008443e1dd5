import { expect, it, onTestFinished } from 'vitest';
import { followAdmissions, type AdmittedStream } from '../../../src/server/transport/stream-admission.js';
import { ManualClock } from '../../support/clock.js';

/** Streams under watch on a clock that stands still; `looked` names whose caller was asked for, in order. */
function start(streams: Readonly<Record<string, { readonly endsInMs?: number; readonly isAdmin?: boolean }>>) {
  const clock = new ManualClock();
  const looked: string[] = [];
  const open = new Map<string, AdmittedStream>();
  for (const [name, { endsInMs = Number.POSITIVE_INFINITY, isAdmin = false }] of Object.entries(streams)) {
    const readmit = (): Promise<void> => Promise.resolve(void looked.push(name));
    open.set(name, { certificateEndsAtMs: clock.now() + endsInMs, isAdmin, readmit });
  }
  const stop = followAdmissions({ [Symbol.iterator]: () => open.values() }, clock);
  onTestFinished(stop);
  return { clock, looked, open, stop };
}

it('looks at a node’s stream no sooner than its certificate ends, and then at once', () => {
  const { clock, looked } = start({ node: { endsInMs: 5_000 } });

  clock.advance(4_000);
  expect(looked).toEqual([]);
  clock.advance(1_000);

  expect(looked).toEqual(['node']);
});

it('looks at an admin’s stream every second, however long its certificate lasts', () => {
  const { clock, looked } = start({ admin: { isAdmin: true, endsInMs: 3_600_000 }, local: {} });

  clock.advance(3_000);

  expect(looked).toEqual(['admin', 'admin', 'admin']);
});

it('looks at nobody who has left, and at those who came after it began', () => {
  const { clock, looked, open } = start({ early: { isAdmin: true } });
  const late = { ...open.get('early')!, readmit: () => Promise.resolve(void looked.push('late')) };

  open.delete('early');
  open.set('late', late);
  clock.advance(1_000);

  expect(looked).toEqual(['late']);
});

it('looks no more once it is stopped', () => {
  const { clock, looked, stop } = start({ admin: { isAdmin: true } });

  stop();
  clock.advance(60_000);

  expect(looked).toEqual([]);
});
