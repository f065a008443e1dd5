import { expect, it } from 'vitest';
import { HandshakeQueue } from '../../../src/server/transport/handshake-queue.js';

function start(atOnce: number) {
  const queue = new HandshakeQueue(atOnce);
  const begun: string[] = [];
  const enter = (name: string): (() => void) => queue.enter(() => begun.push(name));
  return { begun, enter };
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
