import { expect, it } from 'vitest';
import { Rounds } from '../../src/client/rounds.js';
import { ManualClock } from '../support/clock.js';

it('never runs twice at a time, and once more when asked while it runs', async () => {
  const releases: (() => void)[] = [];
  let running = 0;
  let most = 0;
  const rounds = new Rounds(new ManualClock(), async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((resolve) => releases.push(resolve));
    running--;
  }, () => 100);

  const all = Promise.all([rounds.run(), rounds.run(), rounds.run()]);
  releases[0]!();
  await turn();
  releases[1]!();
  await all;

  expect(releases).toHaveLength(2);
  expect(most).toBe(1);
});

it('begins the next one when the pause is over that was asked for last', async () => {
  const clock = new ManualClock();
  let runs = 0;
  let pauseMs = 500;
  const rounds = new Rounds(clock, () => Promise.resolve(void runs++), () => pauseMs);

  clock.advance(500);
  await turn();
  pauseMs = 20;
  await rounds.run();
  clock.advance(20);
  await turn();

  expect(runs).toBe(3);
});

it('begins none after the stop, which waits for the one under way', async () => {
  const clock = new ManualClock();
  let runs = 0;
  const rounds = new Rounds(clock, async () => {
    await turn();
    runs++;
  }, () => 10);

  void rounds.run();
  await rounds.stop();
  await rounds.run();
  clock.advance(1000);
  await turn();

  expect(runs).toBe(1);
});

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
