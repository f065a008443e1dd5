import { expect, it } from 'vitest';
import { OfferSchedule } from '../../src/client/offer-schedule.js';

const NOW = Date.UTC(2026, 0, 1);

/** After how long each of `count` failures lets the next attempt be made, ms. */
function pauses(count: number, fail: (schedule: OfferSchedule) => void, schedule = new OfferSchedule()): number[] {
  return Array.from({ length: count }, () => {
    fail(schedule);
    return schedule.dueMs - NOW;
  });
}

it('tries at once', () => {
  expect(new OfferSchedule().isDue(NOW)).toBe(true);
});

it('waits the longer the more often punching was in vain, an hour at most', () => {
  expect(pauses(7, (schedule) => schedule.punchFailed(NOW))).toEqual([2000, 10_000, 60_000, 300_000, 3_600_000, 3_600_000, 3_600_000]);
});

it('waits less for a session, a minute at most', () => {
  expect(pauses(6, (schedule) => schedule.settleFailed(NOW))).toEqual([1000, 2000, 5000, 15_000, 60_000, 60_000]);
});

it('begins anew with short pauses once a session came about, and keeps those for punching', () => {
  const schedule = new OfferSchedule();
  pauses(4, (each) => each.settleFailed(NOW), schedule);
  pauses(2, (each) => each.punchFailed(NOW), schedule);

  schedule.settled();

  expect(pauses(1, (each) => each.settleFailed(NOW), schedule)).toEqual([1000]);
  expect(pauses(1, (each) => each.punchFailed(NOW), schedule)).toEqual([60_000]);
});

it('forgets vain punches only when a direct path has proved good, or all may be different', () => {
  const schedule = new OfferSchedule();
  pauses(3, (each) => each.punchFailed(NOW), schedule);
  schedule.forgetPunches();
  expect(pauses(1, (each) => each.punchFailed(NOW), schedule)).toEqual([2000]);
  schedule.forgetFailures();
  expect(pauses(1, (each) => each.punchFailed(NOW), schedule)).toEqual([2000]);
});

it('leaves a hopeless pair alone for an hour, an undecided one for seconds', () => {
  expect(pauses(1, (schedule) => schedule.hopeless(NOW))).toEqual([3_600_000]);
  expect(pauses(1, (schedule) => schedule.undecided(NOW))).toEqual([3000]);
});

it('does not try a peer that is away, however long that takes, and then does', () => {
  const schedule = new OfferSchedule();

  schedule.peerIsAway();
  expect(schedule.isDue(NOW + 86_400_000)).toBe(false);
  schedule.peerIsThere();

  expect(schedule.isDue(NOW)).toBe(true);
});

it('drops a pause when there is a reason to try, not the absence of the peer', () => {
  const schedule = new OfferSchedule();
  schedule.hopeless(NOW);
  schedule.soon();
  expect(schedule.isDue(NOW)).toBe(true);

  schedule.peerIsAway();
  schedule.soon();

  expect(schedule.isDue(NOW)).toBe(false);
});
