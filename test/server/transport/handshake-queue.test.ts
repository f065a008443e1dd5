import { afterEach, expect, it, vi } from 'vitest';
import { HandshakeQueue } from '../../../src/server/transport/handshake-queue.js';

const PATIENCE_MS = 1_000;

afterEach(() => vi.useRealTimers());

function start(atOnce: number) {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const queue = new HandshakeQueue({ atOnce, patienceMs: PATIENCE_MS });
  const begun: string[] = [];
  const sentAway: string[] = [];
  const enter = (name: string): (() => void) =>
    queue.enter(
      () => begun.push(name),
      () => sentAway.push(name),
    );
  return { begun, sentAway, enter };
}

it('lets no more in at a time than it may, and the next in the order in which they came', () => {
  const { begun, enter } = start(2);
  const [a, b] = ['a', 'b', 'c', 'd'].map(enter);
  expect(begun).toEqual(['a', 'b']);

  b!();
  expect(begun).toEqual(['a', 'b', 'c']);
  a!();

  expect(begun).toEqual(['a', 'b', 'c', 'd']);
});

it('gives one place for one handshake, however often it is over', () => {
  const { begun, enter } = start(1);
  const [a] = ['a', 'b', 'c'].map(enter);

  a!();
  a!();

  expect(begun).toEqual(['a', 'b']);
});

it('forgets who has gone while waiting', () => {
  const { begun, enter } = start(1);
  const [a, b] = ['a', 'b', 'c'].map(enter);

  b!();
  a!();

  expect(begun).toEqual(['a', 'c']);
});

it('sends those away whose turn does not come in time, and nobody whose turn has come', () => {
  const { begun, sentAway, enter } = start(1);
  const [a] = ['a', 'b', 'c'].map(enter);
  vi.advanceTimersByTime(PATIENCE_MS - 1);
  enter('d');

  vi.advanceTimersByTime(1);
  expect(sentAway).toEqual(['b', 'c']);
  a!();
  vi.advanceTimersByTime(PATIENCE_MS * 10);

  expect(begun).toEqual(['a', 'd']);
  expect(sentAway).toEqual(['b', 'c']);
});

it('gives the place of one that was sent away to nobody', () => {
  const { begun, enter } = start(1);
  const [a, b] = ['a', 'b', 'c'].map(enter);
  vi.advanceTimersByTime(PATIENCE_MS);

  b!();
  enter('d');
  expect(begun).toEqual(['a']);
  a!();

  expect(begun).toEqual(['a', 'd']);
});
