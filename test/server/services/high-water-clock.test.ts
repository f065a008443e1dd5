import { expect, it } from 'vitest';
import { HighWaterClock } from '../../../src/server/services/high-water-clock.js';
import { startServices } from '../../support/services.js';

const HOUR_MS = 3_600_000;

async function start() {
  const { clock, repository } = await startServices();
  return { clock, repository, trusted: new HighWaterClock(clock, repository), begin: clock.now() };
}

it('does not go back when the machine’s clock is set back', async () => {
  const { clock, trusted, begin } = await start();
  clock.set(begin + HOUR_MS);
  expect(trusted.now()).toBe(begin + HOUR_MS);

  clock.set(begin - HOUR_MS);
  expect(trusted.now()).toBe(begin + HOUR_MS);
  clock.set(begin + HOUR_MS + 1);

  expect(trusted.now()).toBe(begin + HOUR_MS + 1);
});

it('is after a restart no earlier than what was remembered', async () => {
  const { clock, trusted, repository, begin } = await start();
  clock.set(begin + HOUR_MS);
  await trusted.remember(repository);
  clock.set(begin);

  expect(new HighWaterClock(clock, repository).now()).toBe(begin + HOUR_MS);
});

it('writes at most once a minute', async () => {
  const { clock, trusted, repository, begin } = await start();
  await trusted.remember(repository);
  const before = repository.view.rev;

  clock.set(begin + 59_999);
  await trusted.remember(repository);
  expect(repository.view.rev).toBe(before);
  clock.set(begin + 60_000);
  await trusted.remember(repository);

  expect(repository.view.clock()?.value.highWaterMs).toBe(begin + 60_000);
});

it('never lowers a mark that another replica has set higher', async () => {
  const { clock, trusted, repository, begin } = await start();
  const ahead = new HighWaterClock({ ...clock, now: () => begin + 2 * HOUR_MS, after: () => () => {}, every: () => () => {} }, repository);
  await ahead.remember(repository);

  clock.set(begin + HOUR_MS);
  await trusted.remember(repository);

  expect(repository.view.clock()?.value.highWaterMs).toBe(begin + 2 * HOUR_MS);
});

it('survives that many remember at once', async () => {
  const { clock, repository, begin } = await start();
  clock.set(begin + HOUR_MS);

  await Promise.all(Array.from({ length: 8 }, () => new HighWaterClock(clock, repository).remember(repository)));

  expect(repository.view.clock()?.value.highWaterMs).toBe(begin + HOUR_MS);
});
