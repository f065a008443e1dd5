import type { DomainError } from '../../domain/errors.js';

/** The stream of one agent, as the feed needs it. */
export interface WatchSink {
  /** Takes an encoded WatchResponse; false when the agent is behind and `onDrain` should be awaited. */
  write(bytes: Uint8Array): boolean;
  onDrain(listener: () => void): void;
  /** Ends the stream with a refusal. */
  fail(error: DomainError): void;
}

/** Deltas that may wait for one agent; past them a new snapshot costs both sides less. */
const QUEUE_LIMIT = 1_000;

/**
 * One agent on the feed. What it cannot take at once waits in a bounded queue; when that is full the queue is thrown
 * away and the agent starts over with a snapshot, so that a stalled agent costs a bounded amount and nobody else
 * anything.
 */
export class Watcher {
  #queue: Uint8Array[] = [];
  #snapshot: Iterator<Uint8Array> | undefined;
  #blocked = false;
  #overflowed = false;

  /**
   * @param startOver Makes the messages that bring the agent from nothing to now; called when the queue overflowed.
   */
  constructor(
    readonly nodeId: string,
    readonly network: string,
    readonly sink: WatchSink,
    private readonly startOver: () => Iterator<Uint8Array>,
  ) {
    sink.onDrain(() => {
      this.#blocked = false;
      this.pump();
    });
  }

  /** Puts a whole map before everything that comes after. */
  begin(snapshot: Iterator<Uint8Array>): void {
    this.#queue = [];
    this.#snapshot = snapshot;
  }

  /** Queues one message. */
  push(bytes: Uint8Array): void {
    if (this.#overflowed) return;
    if (this.#queue.length >= QUEUE_LIMIT) {
      this.#queue = [];
      this.#overflowed = true;
      return;
    }
    this.#queue.push(bytes);
  }

  /** Writes until the agent is behind or nothing is left. */
  pump(): void {
    while (!this.#blocked) {
      const next = this.#next();
      if (next === undefined) return;
      this.#blocked = !this.sink.write(next);
    }
  }

  #next(): Uint8Array | undefined {
    const chunk = this.#snapshot?.next();
    if (chunk !== undefined && chunk.done !== true) return chunk.value;
    this.#snapshot = undefined;
    if (this.#overflowed) {
      this.#overflowed = false;
      this.begin(this.startOver());
      return this.#next();
    }
    return this.#queue.shift();
  }
}
