import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { WatchRequest, WatchResponse } from '../../../gen/etcd/etcd.js';
import { systemClock, type Clock } from '../../../platform/clock.js';
import type { Log } from '../../../platform/log.js';
import type { StoreEvent, StoreWatch, WatchMessage } from '../store.js';
import { withLeader, type EtcdMembers } from './etcd-members.js';
import type { EtcdMember } from './etcd-member.js';
import { bytesOf, endOf, toEvent } from './etcd-terms.js';

/** What a watch needs of its store. */
export interface WatchDeps {
  readonly members: EtcdMembers;
  /** Whether progress is told in order with the events; else it is only a sign of life. */
  readonly orderedProgress: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Called at each sign of life of a member that knows a leader. */
  readonly onHeard: () => void;
}

/** A member may be cut off and say nothing. */
const ASK_EVERY_MS = 2_000;
const SILENCE_MS = 6_000;

const RECONNECT_MS = 100;

/**
 * A watch that outlives its members: when one fails or falls silent, the next one is asked for what is missing. Each asks one revision
 * back, because etcd still has events of the very revision up to which history was forgotten, if not all of them.
 */
export class EtcdWatch implements StoreWatch {
  readonly #prefix: string;
  readonly #listener: (message: WatchMessage) => void;
  readonly #deps: WatchDeps;
  /** The first revision that was not told yet. */
  #nextRev: bigint;
  #open = true;
  #stream: ClientDuplexStream<WatchRequest, WatchResponse> | undefined;
  #disconnect = (): void => {};

  constructor(prefix: string, fromRev: bigint, listener: (message: WatchMessage) => void, deps: WatchDeps) {
    this.#prefix = prefix;
    this.#nextRev = fromRev > 1n ? fromRev : 1n;
    this.#listener = listener;
    this.#deps = deps;
    this.#connect(deps.members.current);
  }

  close(): void {
    this.#open = false;
    this.#disconnect();
  }

  #connect(member: EtcdMember): void {
    const deps = this.#deps;
    const stream = member.watch.watch(withLeader());
    let heardAtMs = performance.now();
    let events: StoreEvent[] = [];
    const stopAsking = systemClock.every(ASK_EVERY_MS, () => {
      if (performance.now() - heardAtMs > SILENCE_MS) this.#reconnect(member, `silent for ${SILENCE_MS} ms`);
      else stream.write({ requestUnion: { $case: 'progressRequest', value: {} } });
    });
    this.#disconnect = () => {
      this.#disconnect = () => {};
      stopAsking();
      stream.removeAllListeners('data').removeAllListeners('end').cancel();
    };
    stream.on('data', (response: WatchResponse) => {
      heardAtMs = performance.now();
      deps.onHeard();
      events = this.#take(member, response, events);
    });
    // Cancelling is an error too, and comes after the stream was given up.
    stream.on('error', (error) => this.#reconnect(member, error.message, stream));
    stream.on('end', () => this.#reconnect(member, 'ended', stream));
    this.#stream = stream;
    stream.write(this.#request());
  }

  #request(): WatchRequest {
    const startRevision = this.#nextRev > 1n ? this.#nextRev - 1n : 1n;
    const value = { key: bytesOf(this.#prefix), rangeEnd: endOf(this.#prefix), startRevision, fragment: true };
    return { requestUnion: { $case: 'createRequest', value } };
  }

  /** Gives the events of a revision whose rest is still to come. */
  #take(member: EtcdMember, response: WatchResponse, before: StoreEvent[]): StoreEvent[] {
    if (response.canceled) {
      this.#ended(member, response);
      return [];
    }
    const events = [...before, ...response.events.map(toEvent)];
    if (response.fragment) return events;
    for (const revision of byRevision(events)) this.#tellEvents(revision);
    const rev = response.header?.revision ?? 0n;
    if (events.length === 0 && !response.created && this.#deps.orderedProgress && rev >= this.#nextRev) {
      this.#nextRev = rev + 1n;
      this.#tell({ kind: 'progress', rev });
    }
    return [];
  }

  #ended(member: EtcdMember, { compactRevision, cancelReason }: WatchResponse): void {
    if (compactRevision === 0n) return this.#reconnect(member, cancelReason);
    this.#disconnect();
    this.#tell({ kind: 'compacted', rev: compactRevision });
    this.#open = false;
  }

  #tellEvents(events: readonly StoreEvent[]): void {
    const rev = events[0]?.modRev ?? 0n;
    if (rev < this.#nextRev) return;
    this.#nextRev = rev + 1n;
    this.#tell({ kind: 'events', rev, atMs: this.#deps.clock.now(), events });
  }

  #tell(message: WatchMessage): void {
    if (!this.#open) return;
    try {
      this.#listener(message);
    } catch (error) {
      this.#deps.log.error('a watcher failed on a message', { kind: message.kind, rev: message.rev.toString(), error });
    }
  }

  #reconnect(member: EtcdMember, why: string, stream = this.#stream): void {
    if (!this.#open || stream !== this.#stream) return;
    this.#stream = undefined;
    this.#disconnect();
    const { members, log } = this.#deps;
    log.debug('a watch of etcd goes to the next member', { endpoint: member.endpoint, why });
    const next = members.all[(members.all.indexOf(member) + 1) % members.all.length] as EtcdMember;
    this.#disconnect = systemClock.after(RECONNECT_MS, () => this.#connect(next));
  }
}

function byRevision(events: readonly StoreEvent[]): StoreEvent[][] {
  const revisions: StoreEvent[][] = [];
  for (const event of events) {
    const last = revisions.at(-1);
    if (last?.[0]?.modRev === event.modRev) last.push(event);
    else revisions.push([event]);
  }
  return revisions;
}
