import { DomainError } from '../../domain/errors.js';
import { STREAM_SILENCE_MS } from '../../domain/stream-silence.js';
import type { MapSnapshot, WatchResponse } from '../../gen/networkcontroller/v1/node.js';
import type { NetworkConfig, TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import type { NetworkRecord, NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import type { AppliedRevision, Repository } from '../store/local-view.js';
import { changesOf, type NetworkChanges } from './changes.js';
import { encodeMessage, encodePeer, encodeSnapshotChunk, nameRecordsOf, peerOf, relayOf, serviceOf } from './encoded.js';
import { MapHistory, type MapRevision } from './map-history.js';
import { Watcher, type WatchSink } from './watcher.js';

/** What the feed tells beside the records. */
export interface FeedFacts {
  readonly epoch: string;
  describe(record: NetworkRecord): NetworkConfig;
  bundle(): TrustBundle;
  /** DER of the network CA's revocation list; empty when there is none. */
  crl(): Uint8Array;
  controlEndpoints(): readonly string[];
}

/** How often an agent hears that nothing has happened. */
const PROGRESS_MS = 10_000;
/** More agents than this hear it half as often, which is as rarely as may be: one that hears nothing gives its stream up. */
const CROWD = 2_500;
const CROWD_PROGRESS_MS = (STREAM_SILENCE_MS * 2) / 3;
const PEERS_PER_CHUNK = 500;
/** How long agents are served in one turn of the event loop. What they are sent is encrypted and written after it, which takes twice as long. */
const TURN_MS = 2;

/**
 * The network map as a stream: a snapshot at one revision or the deltas since the revision the agent holds, then every
 * change as it is applied. A delta is encoded once for all who watch; whole revisions, in order, without gap, or an
 * explicit reset.
 */
export class MapFeed {
  readonly #repository: Repository;
  readonly #facts: FeedFacts;
  /** By node id, and by network. */
  readonly #watchers = new Map<string, Set<Watcher>>();
  readonly #networks = new Map<string, Set<Watcher>>();
  /** Encoded peers of each network that somebody watches, by node id. */
  readonly #peers = new Map<string, Map<string, Uint8Array>>();
  readonly #history: MapHistory;
  readonly #ready = new Set<Watcher>();
  readonly #unsubscribe: () => void;
  readonly #cancelProgress: () => void;
  #scheduled = false;
  /** How many agents were served, ever. */
  #served = 0;
  /** Times that it was time to tell of progress, since it was told. */
  #progressDue = 0;
  #rev: bigint;

  constructor(deps: { repository: Repository; facts: FeedFacts; clock: Clock }) {
    this.#repository = deps.repository;
    this.#facts = deps.facts;
    this.#rev = deps.repository.view.rev;
    this.#history = new MapHistory(deps.repository.view, (revision) => this.#changesOf(revision));
    this.#unsubscribe = deps.repository.onApplied((revision) => this.#follow(revision));
    this.#cancelProgress = deps.clock.every(PROGRESS_MS, () => this.#progress(deps.clock.now()));
  }

  /**
   * Starts serving an agent.
   *
   * @param from The epoch and revision of the map that it holds; revision 0 for none.
   * @returns Ends the service; idempotent.
   * @throws DomainError `node_revoked` for a node that is no member.
   */
  open(nodeId: string, sink: WatchSink, from: { readonly epoch: string; readonly revision: bigint }): () => void {
    const node = this.#memberOf(nodeId);
    const watcher = new Watcher(nodeId, node.network, sink, () => this.#startOver(nodeId, 'slow'));
    const missed = from.epoch === this.#facts.epoch && from.revision > 0n ? this.#missed(node.network, nodeId, from.revision) : undefined;
    watcher.begin(missed?.values() ?? this.#startOver(nodeId, this.#resetReason(from)));
    addTo(this.#watchers, nodeId, watcher);
    addTo(this.#networks, node.network, watcher);
    this.#wake(watcher);
    return () => this.#close(watcher);
  }

  #resetReason(from: { readonly epoch: string; readonly revision: bigint }): string | undefined {
    if (from.revision === 0n) return undefined;
    return from.epoch === this.#facts.epoch ? 'compacted' : 'epoch';
  }

  /** Streams that are open. */
  get watcherCount(): number {
    let count = 0;
    for (const of of this.#networks.values()) count += of.size;
    return count;
  }

  /** Sends one message to every stream of a node; false when it has none. */
  send(nodeId: string, message: NonNullable<WatchResponse['message']>): boolean {
    const of = this.#watchers.get(nodeId);
    if (of === undefined) return false;
    const bytes = encodeMessage(message);
    for (const watcher of of) this.#deliver(watcher, bytes);
    return true;
  }

  /** Sends one message to all agents, encoded once. Resolves when it is on its way to each that is not behind. */
  async broadcast(message: NonNullable<WatchResponse['message']>): Promise<void> {
    const bytes = encodeMessage(message);
    for (const watcher of this.#all()) this.#deliver(watcher, bytes);
    for (const all = this.#served + this.#ready.size; this.#served < all && this.#ready.size > 0; ) await new Promise(setImmediate);
  }

  stop(): void {
    this.#unsubscribe();
    this.#cancelProgress();
    this.#ready.clear();
  }

  #memberOf(nodeId: string): NodeRecord {
    const node = this.#repository.view.nodeById(nodeId);
    if (node === undefined) throw new DomainError('node_revoked', 'this node was unregistered; join again with a new join string');
    return node.value;
  }

  #close(watcher: Watcher): void {
    removeFrom(this.#watchers, watcher.nodeId, watcher);
    removeFrom(this.#networks, watcher.network, watcher);
    this.#ready.delete(watcher);
  }

  *#all(): Iterable<Watcher> {
    for (const of of this.#watchers.values()) yield* of;
  }

  #follow(revision: AppliedRevision): void {
    this.#rev = revision.rev;
    for (const entry of this.#history.take(revision)) {
      this.#keepPeers(entry);
      this.#fanOut(entry);
      for (const { nodeId, record } of entry.changes.nodes) if (record === undefined) this.#expel(nodeId);
    }
  }

  #changesOf(revision: AppliedRevision): Map<string, NetworkChanges> {
    const { view } = this.#repository;
    return changesOf(revision, () => view.networks().map(({ value }) => this.#facts.describe(value)), () => view.networks().map(({ value }) => value.name));
  }

  #keepPeers({ network, changes }: MapRevision): void {
    const peers = this.#peers.get(network);
    if (peers === undefined) return;
    for (const { nodeId, record } of changes.nodes) {
      if (record === undefined) peers.delete(nodeId);
      else peers.set(nodeId, encodePeer(record));
    }
  }

  /** What the network permits is read once for all who watch. */
  #fanOut(entry: MapRevision): void {
    const sees = this.#sees(entry.network);
    for (const watcher of this.#networks.get(entry.network) ?? []) {
      const bytes = sees(entry, watcher.nodeId);
      if (bytes !== undefined) this.#deliver(watcher, bytes);
    }
  }

  /** What of a revision a node of the network may see. */
  #sees(network: string): (entry: MapRevision, nodeId: string) => Uint8Array | undefined {
    return this.#interconnected(network) ? (entry) => entry.whole : (entry, nodeId) => entry.ownOf(nodeId);
  }

  #interconnected(network: string): boolean {
    return this.#repository.view.network(network)?.value.interconnection === true;
  }

  /** The deltas after `revision`, or undefined when they are not all to be had. */
  #missed(network: string, nodeId: string, revision: bigint): readonly Uint8Array[] | undefined {
    const missed = revision > this.#rev ? undefined : this.#history.after(revision);
    if (missed === undefined) return undefined;
    const sees = this.#sees(network);
    const deltas = missed.flatMap((entry) => (entry.network === network ? (sees(entry, nodeId) ?? []) : []));
    return [...deltas, this.#progressMessage(0)];
  }

  /** The whole map as of now: the peers' bytes are collected at once, the chunks are made as the agent takes them. */
  *#startOver(nodeId: string, reason: string | undefined): Generator<Uint8Array> {
    if (reason !== undefined) yield encodeMessage({ $case: 'reset', value: { reason } });
    const { head, peers } = this.#collect(nodeId);
    for (let at = 0; at < peers.length; at += PEERS_PER_CHUNK) {
      yield encodeSnapshotChunk({ epoch: head.epoch ?? '', revision: head.revision ?? 0n }, peers.slice(at, at + PEERS_PER_CHUNK));
    }
    yield encodeSnapshotChunk({ ...head, last: true }, []);
  }

  #collect(nodeId: string): { head: Partial<MapSnapshot>; peers: readonly Uint8Array[] } {
    const { view } = this.#repository;
    const self = this.#memberOf(nodeId);
    const record = view.network(self.network)?.value;
    if (record === undefined) throw new DomainError('network_unknown', `network ${self.network} of node ${nodeId} is gone`);
    const peers = record.interconnection ? this.#peersOf(self.network) : new Map<string, Uint8Array>();
    return {
      head: {
        epoch: this.#facts.epoch,
        revision: this.#rev,
        network: this.#facts.describe(record),
        services: [...view.servicesOf(self.network)].map((service) => serviceOf(service.value)),
        names: view.dnsNames().map(({ value }) => nameRecordsOf(value.name, value.records, self.network)).filter(({ records }) => records.length > 0),
        bundle: this.#facts.bundle(),
        crl: Buffer.from(this.#facts.crl()),
        controlEndpoints: [...this.#facts.controlEndpoints()],
        self: peerOf(self),
        relays: view.relays().filter(({ value }) => value.wgPublicKey.length > 0).map(({ value }) => relayOf(value)),
      },
      peers: [...peers].filter(([id]) => id !== nodeId).map(([, bytes]) => bytes),
    };
  }

  #peersOf(network: string): Map<string, Uint8Array> {
    const known = this.#peers.get(network);
    if (known !== undefined) return known;
    const peers = new Map<string, Uint8Array>();
    for (const node of this.#repository.view.nodesOf(network)) if (!node.value.reserved) peers.set(node.value.id, encodePeer(node.value));
    this.#peers.set(network, peers);
    return peers;
  }

  #expel(nodeId: string): void {
    for (const watcher of this.#watchers.get(nodeId) ?? []) {
      watcher.sink.fail(new DomainError('node_revoked', 'this node was unregistered; join again with a new join string'));
    }
  }

  #progress(nowMs: number): void {
    this.#progressDue++;
    if (this.watcherCount > CROWD && this.#progressDue * PROGRESS_MS < CROWD_PROGRESS_MS) return;
    this.#progressDue = 0;
    const bytes = this.#progressMessage(nowMs);
    for (const watcher of this.#all()) this.#deliver(watcher, bytes);
  }

  #progressMessage(serverTimeMs: number): Uint8Array {
    return encodeMessage({ $case: 'progress', value: { revision: this.#rev, serverTimeMs } });
  }

  #deliver(watcher: Watcher, bytes: Uint8Array): void {
    watcher.push(bytes);
    this.#wake(watcher);
  }

  /** Serves agents for a while in each turn, so that ten thousand of them do not hold the event loop. */
  #wake(watcher: Watcher): void {
    this.#ready.add(watcher);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => this.#serve());
  }

  #serve(): void {
    this.#scheduled = false;
    const begun = performance.now();
    for (const watcher of this.#ready) {
      this.#ready.delete(watcher);
      this.#served++;
      watcher.pump();
      if (performance.now() - begun >= TURN_MS) break;
    }
    const [next] = this.#ready;
    if (next !== undefined) this.#wake(next);
  }
}

function addTo(sets: Map<string, Set<Watcher>>, key: string, watcher: Watcher): void {
  const of = sets.get(key) ?? new Set();
  sets.set(key, of.add(watcher));
}

function removeFrom(sets: Map<string, Set<Watcher>>, key: string, watcher: Watcher): void {
  const of = sets.get(key);
  of?.delete(watcher);
  if (of?.size === 0) sets.delete(key);
}
