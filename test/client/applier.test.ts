import { expect, it, onTestFinished } from 'vitest';
import { Applier } from '../../src/client/applier.js';
import { ManualClock } from '../support/clock.js';

it('runs once for many requests and never twice at the same time', async () => {
  const clock = new ManualClock();
  let running = 0;
  let runs = 0;
  let release = (): void => {};
  const applier = anApplier(clock, async () => {
    expect(++running).toBe(1);
    runs++;
    await new Promise<void>((resolve) => (release = resolve));
    running--;
  });

  for (let request = 0; request < 5; request++) applier.request();
  clock.advance(20);
  for (let request = 0; request < 5; request++) applier.request();
  clock.advance(1_000);
  expect(runs).toBe(1);
  release();
  await rest();
  clock.advance(20);

  expect(runs).toBe(2);
  release();
});

it('runs again by itself while it fails, with pauses that grow to half a minute', async () => {
  const clock = new ManualClock();
  const errors: unknown[] = [];
  const applier = anApplier(clock, () => Promise.reject(new Error('no device')), errors);
  applier.request();

  for (let round = 0; round < 12; round++) {
    clock.advance(30_000);
    await rest();
  }

  expect(errors).toHaveLength(12);
});

it('runs no more after it was stopped', async () => {
  const clock = new ManualClock();
  let runs = 0;
  const applier = anApplier(clock, () => Promise.resolve(void runs++));
  applier.request();

  await applier.stop();
  applier.request();
  clock.advance(60_000);

  expect(runs).toBe(0);
});

function anApplier(clock: ManualClock, task: () => Promise<void>, errors: unknown[] = []): Applier {
  const applier = new Applier(clock, task, (error) => errors.push(error));
  onTestFinished(() => void applier.stop());
  return applier;
}

/** Lets promises come to rest. */
function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
