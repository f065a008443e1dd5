import { expect, it } from 'vitest';
import type { NatFindings } from '../../src/client/nat-kind.js';
import { NatWatch } from '../../src/client/nat-watch.js';
import { ManualClock } from '../support/clock.js';

const PROBES = ['203.0.113.10:6441', '203.0.113.10:6442'] as const;
const SYMMETRIC = { symmetric: true, portRestricted: true };
const CONE = { symmetric: false, portRestricted: true };

it('does not believe what comes late from another network', async () => {
  const world = aWorld();
  world.watch.ask(PROBES);
  world.watch.forget();
  world.watch.ask(PROBES);

  await world.answer(1, CONE);
  await world.answer(0, SYMMETRIC);

  expect(world.watch.kind).toEqual(CONE);
});

it('goes on with what it knew until an answer says otherwise', async () => {
  const world = aWorld();
  world.watch.ask(PROBES);
  await world.answer(0, SYMMETRIC);

  world.watch.ask(PROBES);
  expect(world.watch.kind).toEqual(SYMMETRIC);
  world.clock.advance(3000);

  expect(world.watch.kind).toEqual(SYMMETRIC);
});

it('keeps the half that was answered when the other never is', async () => {
  const world = aWorld();
  world.watch.ask(PROBES);

  await world.answer(0, { symmetric: true, portRestricted: undefined });
  expect(world.watch.kind).toBeUndefined();
  world.clock.advance(3000);

  expect(world.watch.kind).toEqual({ symmetric: true, portRestricted: false });
  expect(world.decided).toBe(1);
});

it('takes a failed probe for an unanswered one', async () => {
  const world = aWorld();
  world.watch.ask(PROBES);

  await world.fail(0);
  world.clock.advance(250);
  await world.answer(1, CONE);

  expect(world.watch.kind).toEqual(CONE);
});

it('asks nobody any more after the stop', async () => {
  const world = aWorld();
  world.watch.ask(PROBES);
  world.watch.stop();

  await world.answer(0, CONE);
  world.clock.advance(10_000);

  expect([world.watch.kind, world.decided, world.asked()]).toEqual([undefined, 0, 1]);
});

it('knows at once that there is nothing to find out without two endpoints', () => {
  const world = aWorld();

  world.watch.ask(undefined);

  expect([world.watch.kind, world.asked()]).toEqual([{ symmetric: false, portRestricted: false }, 0]);
});

function aWorld() {
  const clock = new ManualClock();
  const questions: { resolve(nat: NatFindings): void; reject(error: Error): void }[] = [];
  const probe = () => new Promise<NatFindings>((resolve, reject) => questions.push({ resolve, reject }));
  const world = {
    clock,
    decided: 0,
    watch: new NatWatch({ clock, probe, onDecided: () => world.decided++ }),
    asked: () => questions.length,
    answer: (at: number, nat: NatFindings) => settle(() => questions[at]!.resolve(nat)),
    fail: (at: number) => settle(() => questions[at]!.reject(new Error('no socket'))),
  };
  return world;
}

/** Lets what hangs on a promise run. */
async function settle(act: () => void): Promise<void> {
  act();
  await new Promise((resolve) => setImmediate(resolve));
}
