import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import type { AppliedRevision } from './local-view.js';
import type { RevisionFeed } from './revision-feed.js';
import type { Snapshot } from './snapshot.js';
import type { StoreWatch, WatchMessage } from './store.js';

const RETRY_MS = 1_000;

/** Bounds how long one slice of a replay keeps the event loop. */
const EVENTS_PER_SLICE = 500;

/**
 * The watches of one store. Each replays history in slices until it has caught up, and then hears each revision as it is applied; the
 * step from one to the other happens within one turn of the event loop, so that nothing falls between.
 */
export class Watches {
  readonly #snapshot: Snapshot;
  readonly #feed: RevisionFeed;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #open = new Set<Watch>();
  #closed = false;

  constructor(snapshot: Snapshot, feed: RevisionFeed, clock: Clock, log: Log) {
    this.#snapshot = snapshot;
    this.#feed = feed;
    this.#clock = clock;
    this.#log = log;
  }

  open(prefix: string, fromRev: bigint, listener: (message: WatchMessage) => void): StoreWatch {
    const watch = new Watch(prefix, fromRev, listener, this.#log);
    if (this.#closed) return watch;
    this.#open.add(watch);
    this.#replayLater(watch);
    return {
      close: () => {
        watch.close();
        this.#open.delete(watch);
      },
    };
  }

  /** Closes every watch; one that is opened later says nothing. */
  close(): void {
    this.#closed = true;
    for (const watch of this.#open) watch.close();
    this.#open.clear();
  }

  #replayLater(watch: Watch): void {
    setImmediate(() => {
      try {
        if (watch.isOpen) this.#replay(watch);
      } catch (error) {
        // What cannot be read now must not be left out: the watch stands still until it can.
        this.#log.error('a watch cannot read the history and will try again', { error });
        this.#clock.after(RETRY_MS, () => this.#replayLater(watch));
      }
    });
  }

  #replay(watch: Watch): void {
    const { log } = this.#snapshot;
    const revisions = log.revisionsFrom(watch.nextRev, EVENTS_PER_SLICE);
    if (revisions === undefined) {
      watch.tell({ kind: 'compacted', rev: log.compactRev });
      watch.close();
      this.#open.delete(watch);
    } else if (revisions.length > 0) {
      for (const revision of revisions) watch.take(revision);
      this.#replayLater(watch);
    } else {
      watch.follow(this.#feed);
    }
  }
}

class Watch implements StoreWatch {
  readonly #prefix: string;
  readonly #listener: (message: WatchMessage) => void;
  readonly #log: Log;
  #nextRev: bigint;
  #open = true;
  #unfollow: (() => void) | undefined;

  constructor(prefix: string, fromRev: bigint, listener: (message: WatchMessage) => void, log: Log) {
    this.#prefix = prefix;
    this.#nextRev = fromRev;
    this.#listener = listener;
    this.#log = log;
  }

  get nextRev(): bigint {
    return this.#nextRev;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  take({ rev, atMs, events }: AppliedRevision): void {
    if (rev < this.#nextRev) return;
    this.#nextRev = rev + 1n;
    const mine = events.filter((event) => event.key.startsWith(this.#prefix));
    if (mine.length > 0) this.tell({ kind: 'events', rev, atMs, events: mine });
  }

  follow(feed: RevisionFeed): void {
    this.#unfollow = feed.subscribe((revision) => this.take(revision));
    this.tell({ kind: 'progress', rev: feed.rev });
  }

  tell(message: WatchMessage): void {
    if (!this.#open) return;
    try {
      this.#listener(message);
    } catch (error) {
      this.#log.error('a watcher failed on a message', { kind: message.kind, rev: message.rev.toString(), error });
    }
  }

  close(): void {
    this.#open = false;
    this.#unfollow?.();
  }
}
