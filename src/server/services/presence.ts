import { PresenceRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { Log } from '../../platform/log.js';
import { keys } from '../store/keys.js';
import type { Versioned } from '../store/local-view.js';
import type { Compare, Store, Transaction } from '../store/store.js';

/** LiteKube's connection states as the store holds them. */
export const STATE = { idle: -1, init: 1, connected: 3 } as const;

/** One of {@link STATE}. */
export type StateNumber = (typeof STATE)[keyof typeof STATE];

/** What is known of a node at this moment. */
export interface Presence {
  readonly state: StateNumber;
  readonly sinceMs: number;
  readonly lastSeenMs: number;
  readonly endpoint: string;
  readonly version: string;
}

interface Entry {
  readonly network: string;
  streams: number;
  tunnelUp: boolean;
  state: StateNumber;
  sinceMs: number;
  lastSeenMs: number;
  endpoint: string;
  version: string;
  cancelLeaving: (() => void) | undefined;
}

/** What the store says of a node, whichever server wrote it. */
export type StoredPresence = (network: string, nodeId: string) => Versioned<PresenceRecord> | undefined;

/** How long a node whose stream broke counts as connected: a reconnect is not a change of anything. */
const LEAVING_MS = 5_000;
const FLUSH_MS = 200;
/** Nodes whose state is written in one transaction of at most 120 conditions: one each, or two where another server may write. */
const PACK = { alone: 100, shared: 60 } as const;

/**
 * Who is connected. It lives in memory and only a coming or going is written to the store, a moment later and with
 * others: a heartbeat is not a write.
 */
export class PresenceBoard {
  readonly #entries = new Map<string, Entry>();
  readonly #dirty = new Set<string>();
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #replica: string;
  readonly #stored: StoredPresence | undefined;
  readonly #cancelFlush: () => void;

  /** @param deps `replica` is the id of this server. `stored` gives what is written of a node; left out where no other server writes. */
  constructor(deps: { store: Store; clock: Clock; log: Log; replica: string; stored?: StoredPresence | undefined }) {
    this.#store = deps.store;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#replica = deps.replica;
    this.#stored = deps.stored;
    this.#cancelFlush = deps.clock.every(FLUSH_MS, () => void this.flush());
  }

  /** The node opened a control stream. */
  streamOpened(nodeId: string, network: string, version: string): void {
    const entry = this.#entryOf(nodeId, network);
    entry.cancelLeaving?.();
    entry.cancelLeaving = undefined;
    entry.streams++;
    entry.version = version;
    this.#settle(nodeId, entry);
  }

  /** A control stream of the node ended; it counts as gone only after a while without another. */
  streamClosed(nodeId: string): void {
    const entry = this.#entries.get(nodeId);
    if (entry === undefined) return;
    entry.streams = Math.max(0, entry.streams - 1);
    entry.lastSeenMs = this.#clock.now();
    if (entry.streams > 0) return;
    entry.cancelLeaving?.();
    entry.cancelLeaving = this.#clock.after(LEAVING_MS, () => this.#left(nodeId, entry));
  }

  /** The node completed a WireGuard handshake with the controller, or said that it did. */
  tunnelSeen(nodeId: string): void {
    const entry = this.#entries.get(nodeId);
    if (entry === undefined) return;
    entry.tunnelUp = true;
    entry.lastSeenMs = this.#clock.now();
    this.#settle(nodeId, entry);
  }

  /** The node said that its tunnel to the controller is down. */
  tunnelLost(nodeId: string): void {
    const entry = this.#entries.get(nodeId);
    if (entry === undefined) return;
    entry.tunnelUp = false;
    this.#settle(nodeId, entry);
  }

  /** The node's authenticated source changed. */
  endpointSeen(nodeId: string, endpoint: string): void {
    const entry = this.#entries.get(nodeId);
    if (entry === undefined) return;
    entry.endpoint = endpoint;
    entry.lastSeenMs = this.#clock.now();
  }

  /** Any sign of life that is not a change. */
  seen(nodeId: string): void {
    const entry = this.#entries.get(nodeId);
    if (entry !== undefined) entry.lastSeenMs = this.#clock.now();
  }

  /** Forgets a node that is no member any more. */
  forget(nodeId: string): void {
    this.#entries.get(nodeId)?.cancelLeaving?.();
    this.#entries.delete(nodeId);
    this.#dirty.delete(nodeId);
  }

  /** Another server has written about the node: what is known here of one that has left is out of date, and one that is here is not away. */
  writtenElsewhere({ nodeId, state, replica }: PresenceRecord): void {
    const entry = this.#entries.get(nodeId);
    if (entry === undefined || replica === this.#replica) return;
    if (entry.streams === 0) this.forget(nodeId);
    else if (state === STATE.idle) this.#dirty.add(nodeId);
  }

  /** undefined for a node that this replica has not seen since its start. */
  of(nodeId: string): Presence | undefined {
    return this.#entries.get(nodeId);
  }

  /** The ids of all nodes that this replica has seen since its start. */
  known(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Whether the node must keep its address because it is here, or was a moment ago. */
  isHere(nodeId: string): boolean {
    const entry = this.#entries.get(nodeId);
    return entry !== undefined && (entry.streams > 0 || entry.cancelLeaving !== undefined);
  }

  /** Writes what changed since the last time. */
  async flush(): Promise<void> {
    const ids = [...this.#dirty];
    this.#dirty.clear();
    const size = this.#stored === undefined ? PACK.alone : PACK.shared;
    const packs = Array.from({ length: Math.ceil(ids.length / size) }, (_, n) => ids.slice(n * size, (n + 1) * size));
    await Promise.all(packs.map((pack) => this.#write(pack)));
  }

  /** Notes everybody's last sight and stops writing. */
  async stop(): Promise<void> {
    this.#cancelFlush();
    for (const [id, entry] of this.#entries) {
      entry.cancelLeaving?.();
      this.#dirty.add(id);
    }
    await this.flush();
  }

  #entryOf(nodeId: string, network: string): Entry {
    const found = this.#entries.get(nodeId);
    if (found !== undefined) return found;
    const now = this.#clock.now();
    const entry: Entry = {
      network,
      streams: 0,
      tunnelUp: false,
      state: STATE.idle,
      sinceMs: now,
      lastSeenMs: now,
      endpoint: '',
      version: '',
      cancelLeaving: undefined,
    };
    this.#entries.set(nodeId, entry);
    return entry;
  }

  #settle(nodeId: string, entry: Entry): void {
    const state = entry.streams === 0 && entry.cancelLeaving === undefined ? STATE.idle : entry.tunnelUp ? STATE.connected : STATE.init;
    entry.lastSeenMs = this.#clock.now();
    if (state === entry.state) return;
    entry.state = state;
    entry.sinceMs = entry.lastSeenMs;
    this.#dirty.add(nodeId);
  }

  #left(nodeId: string, entry: Entry): void {
    entry.cancelLeaving = undefined;
    entry.tunnelUp = false;
    const seen = entry.lastSeenMs;
    this.#settle(nodeId, entry);
    entry.lastSeenMs = seen;
  }

  async #write(ids: readonly string[]): Promise<void> {
    try {
      const { ok } = await this.#store.txn(this.#transaction(ids));
      if (ok) return;
      if (ids.length === 1) return this.#lookAgain(ids[0] as string);
    } catch (error) {
      for (const id of ids) this.#dirty.add(id);
      this.#log.warn('presence not written, will be tried again', { nodes: ids.length, error: String(error) });
      return;
    }
    // One of them is no member any more, which is not the others' fault.
    const half = Math.ceil(ids.length / 2);
    await Promise.all([this.#write(ids.slice(0, half)), this.#write(ids.slice(half))]);
  }

  /** Refused because the node is no member any more, or because somebody wrote about it meanwhile. */
  #lookAgain(nodeId: string): void {
    const entry = this.#entries.get(nodeId);
    if (entry !== undefined && entry.streams === 0 && this.#stored?.(entry.network, nodeId)?.value.replica === this.#replica) this.#dirty.add(nodeId);
  }

  /** Only beside live node records: an unregistered node's presence must not come back. */
  #transaction(ids: readonly string[]): Transaction {
    const entries = ids.flatMap((nodeId) => {
      const entry = this.#entries.get(nodeId);
      return entry === undefined ? [] : this.#guarded(nodeId, entry);
    });
    return {
      if: entries.flatMap(({ nodeId, entry, guard }) => [{ key: keys.node(entry.network, nodeId), exists: true as const }, ...guard]),
      then: entries.map(({ nodeId, entry }) => ({ put: keys.presence(entry.network, nodeId), value: this.#record(nodeId, entry) })),
    };
  }

  /** Whoever has the node's stream writes. That it has left is written only where nobody has written that it came, and not by two. */
  #guarded(nodeId: string, entry: Entry): { nodeId: string; entry: Entry; guard: readonly Compare[] }[] {
    if (this.#stored === undefined || entry.streams > 0) return [{ nodeId, entry, guard: [] }];
    const key = keys.presence(entry.network, nodeId);
    const stored = this.#stored(entry.network, nodeId);
    if (stored === undefined) return [{ nodeId, entry, guard: [{ key, absent: true }] }];
    return stored.value.replica === this.#replica ? [{ nodeId, entry, guard: [{ key, modRev: stored.modRev }] }] : [];
  }

  #record(nodeId: string, { state, sinceMs, lastSeenMs, endpoint, version }: Entry): Uint8Array {
    return PresenceRecord.encode(PresenceRecord.fromPartial({ nodeId, state, replica: this.#replica, sinceMs, lastSeenMs, endpoint, version })).finish();
  }
}
