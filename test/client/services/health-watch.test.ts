import { describe, expect, it } from 'vitest';
import { HealthWatch } from '../../../src/client/services/health-watch.js';
import { ManualClock } from '../../support/clock.js';

/** A watch over a service whose next answers are set by the test. */
function startWatch(options: { failures?: number; successes?: number } = {}) {
  const clock = new ManualClock();
  const changes: string[] = [];
  let answer: () => Promise<void> = async () => {};
  let looks = 0;
  const watch = new HealthWatch(
    { url: 'tcp://127.0.0.1:1', exec: undefined, interval: 5000, timeout: 1000, failures: 1, successes: 1, ...options },
    {
      probe: () => (looks++, answer()),
      clock,
      onChange: () => changes.push(`${watch.state.health} ${watch.state.healthReason}`.trim()),
    },
  );
  const settle = () => new Promise(setImmediate);
  return {
    watch,
    clock,
    changes,
    settle,
    looks: () => looks,
    answers(...next: (() => Promise<void>)[]) {
      answer = () => (next.length > 1 ? next.shift()! : next[0]!)();
    },
    /** Lets the next look happen. */
    async interval() {
      clock.advance(5000);
      await settle();
    },
  };
}

const well = async (): Promise<void> => {};
const ill = (reason: string) => (): Promise<void> => Promise.reject(new Error(reason));

describe('a health watch', () => {
  it('counts a service as failing until a look has passed', async () => {
    const { watch, changes, settle } = startWatch();
    expect(watch.state).toEqual({ health: 'failing', healthReason: 'not checked yet' });

    watch.start();
    await settle();

    expect(changes).toEqual(['passing']);
  });

  it('tells of the first look that fails, with the reason, and of the first that passes again', async () => {
    const { watch, answers, changes, settle, interval } = startWatch();
    answers(well, ill('refused'), ill('refused again'), well);

    watch.start();
    await settle();
    for (let i = 0; i < 3; i++) await interval();

    expect(changes).toEqual(['passing', 'failing refused', 'passing']);
  });

  it('waits for as many in a row as asked for, and begins to count anew in between', async () => {
    const { watch, answers, changes, settle, interval } = startWatch({ failures: 2, successes: 2 });
    answers(well, well, ill('a'), well, ill('b'), ill('c'), well);

    watch.start();
    await settle();
    for (let i = 0; i < 5; i++) await interval();

    expect(changes).toEqual(['passing', 'failing c']);
  });

  it('gives a look up after its time, and does not begin another while it has not ended', async () => {
    const { watch, clock, answers, changes, settle, interval, looks } = startWatch();
    answers(well, () => new Promise(() => {}));
    watch.start();
    await settle();

    await interval();
    clock.advance(1000);
    await settle();
    expect(changes).toEqual(['passing', 'failing no answer within 1000 ms']);
    for (let i = 0; i < 3; i++) await interval();

    expect(looks()).toBe(2);
    expect(watch.state).toEqual({ health: 'failing', healthReason: 'the check before has not ended' });
  });

  it('says nothing any more after it was stopped', async () => {
    const { watch, answers, changes, settle, interval, looks } = startWatch();
    watch.start();
    await settle();

    answers(ill('refused'));
    watch.stop();
    await interval();

    expect(changes).toEqual(['passing']);
    expect(looks()).toBe(1);
  });
});
