import { expect, it } from 'vitest';
import { RelayMeter } from '../../src/client/relay-meter.js';
import { ManualClock } from '../support/clock.js';

const PARIS = new Map([['paris', '192.0.2.7:6441']]);

/** A meter whose measurements are answered by hand. */
function aMeter() {
  const clock = new ManualClock();
  const asked: { endpoint: string; answer: (rttUs: number | undefined) => void }[] = [];
  let measured = 0;
  const meter = new RelayMeter({
    clock,
    measure: (endpoint) => new Promise((answer) => asked.push({ endpoint, answer })),
    onMeasured: () => measured++,
  });
  const answer = async (rttUs: number | undefined): Promise<void> => {
    for (const each of asked.splice(0)) each.answer(rttUs);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { clock, meter, answer, asked, measured: () => measured };
}

it('knows nothing before the first answer', () => {
  const { meter } = aMeter();

  meter.set(PARIS);

  expect(meter.rttUs('paris')).toBeUndefined();
  expect(meter.rttUs('rome')).toBeUndefined();
});

it('takes the shortest of the last three: what is longer was a busy machine', async () => {
  const { meter, answer } = aMeter();
  meter.set(PARIS);

  for (const rttUs of [900, 5000, 1200]) {
    await answer(rttUs);
    meter.measure('paris');
  }
  expect(meter.rttUs('paris')).toBe(900);
  await answer(1500);

  expect(meter.rttUs('paris')).toBe(1200);
});

it('forgets a relay that does not answer', async () => {
  const { meter, answer } = aMeter();
  meter.set(PARIS);
  await answer(900);

  meter.measure('paris');
  await answer(undefined);

  expect(meter.rttUs('paris')).toBeUndefined();
});

it('never says zero, which would make every relay the nearest', async () => {
  const { meter, answer } = aMeter();
  meter.set(PARIS);

  await answer(0.2);

  expect(meter.rttUs('paris')).toBe(1);
});

it('does not take the answer of an endpoint that the relay has left', async () => {
  const { meter, asked, measured } = aMeter();
  meter.set(PARIS);
  const [old] = asked.splice(0);
  meter.set(new Map([['paris', '192.0.2.8:6441']]));

  old?.answer(7);
  await new Promise((resolve) => setImmediate(resolve));

  expect(meter.rttUs('paris')).toBeUndefined();
  expect(measured()).toBe(0);
});

it('measures again every half minute, and at once when asked, but not twice at a time', async () => {
  const { clock, meter, answer, asked } = aMeter();
  meter.set(PARIS);
  meter.measure('paris');
  expect(asked.length).toBe(1);

  await answer(900);
  clock.advance(30_000);
  expect(asked.length).toBe(1);
  meter.set(PARIS);

  expect(asked.length).toBe(1);
});

it('asks nobody any more after the stop, and takes nothing', async () => {
  const { clock, meter, answer, asked, measured } = aMeter();
  meter.set(PARIS);

  meter.stop();
  await answer(900);
  clock.advance(60_000);

  expect([asked.length, measured(), meter.rttUs('paris')]).toEqual([0, 0, undefined]);
});
