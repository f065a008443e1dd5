import { expect, it } from 'vitest';
import { Watcher, type WatchSink } from '../../../src/server/feed/watcher.js';

/** An agent that takes `room` messages and then no more until it is drained. */
class Agent implements WatchSink {
  readonly got: string[] = [];
  #drained: () => void = () => {};

  constructor(public room: number) {}

  write(bytes: Uint8Array): boolean {
    this.got.push(Buffer.from(bytes).toString());
    return --this.room > 0;
  }

  onDrain(listener: () => void): void {
    this.#drained = listener;
  }

  fail(): void {}

  drain(room: number): void {
    this.room = room;
    this.#drained();
  }
}

const bytes = (text: string): Uint8Array => Buffer.from(text);
const map = (...chunks: string[]): Iterator<Uint8Array> => chunks.map(bytes).values();

it('never writes to an agent that is behind', () => {
  const agent = new Agent(2);
  const watcher = new Watcher('n', 'default', agent, () => map('reset'));
  for (const text of ['1', '2', '3']) watcher.push(bytes(text));

  watcher.pump();
  watcher.pump();

  expect(agent.got).toEqual(['1', '2']);
  agent.drain(9);
  expect(agent.got).toEqual(['1', '2', '3']);
});

it('sends the whole map before what changed meanwhile', () => {
  const agent = new Agent(2);
  const watcher = new Watcher('n', 'default', agent, () => map());
  watcher.begin(map('a', 'b', 'c'));

  watcher.pump();
  watcher.push(bytes('delta'));
  agent.drain(9);

  expect(agent.got).toEqual(['a', 'b', 'c', 'delta']);
});

it('starts an agent over that fell too far behind, once, and loses nothing after', () => {
  const agent = new Agent(1);
  let starts = 0;
  const watcher = new Watcher('n', 'default', agent, () => map('reset', `map ${++starts}`));
  watcher.push(bytes('first'));
  watcher.pump();

  for (let i = 0; i < 5_000; i++) watcher.push(bytes('x'));
  agent.drain(9);
  watcher.push(bytes('after'));
  watcher.pump();

  expect(agent.got).toEqual(['first', 'reset', 'map 1', 'after']);
});
