import { DomainError } from '../../domain/errors.js';
import { RelayServiceWatchResponse, type RelayNetwork, type RelayNode } from '../../gen/networkcontroller/v1/relay.js';
import { TrustBundle } from '../../gen/networkcontroller/v1/types.js';
import { BundleRecord, CrlRecord, NetworkRecord, NodeRecord } from '../../gen/networkcontroller/store/v1/records.js';
import type { Clock } from '../../platform/clock.js';
import { kindOf } from '../store/keys.js';
import type { AppliedRevision, Repository } from '../store/local-view.js';
import type { FeedFacts } from './map-feed.js';
import { Watcher, type WatchSink } from './watcher.js';

type Message = Partial<RelayServiceWatchResponse>;

const PROGRESS_MS = 10_000;
const NODES_PER_CHUNK = 1000;

/**
 * What relays must know, as a stream: which WireGuard keys there are, of which network each is, and whether a network's nodes may reach
 * each other. Nothing of names, services or addresses. A stream begins with the whole.
 */
export class RelayFeed {
  readonly #repository: Repository;
  readonly #facts: Pick<FeedFacts, 'bundle' | 'crl' | 'controlEndpoints'>;
  readonly #watchers = new Set<Watcher>();
  readonly #unsubscribe: () => void;
  readonly #cancelProgress: () => void;

  constructor(deps: { repository: Repository; facts: Pick<FeedFacts, 'bundle' | 'crl' | 'controlEndpoints'>; clock: Clock }) {
    this.#repository = deps.repository;
    this.#facts = deps.facts;
    this.#unsubscribe = deps.repository.onApplied((revision) => this.#follow(revision));
    this.#cancelProgress = deps.clock.every(PROGRESS_MS, () => this.#send({}));
  }

  /** Starts serving a relay. @returns Ends the service; idempotent. */
  open(name: string, sink: WatchSink): () => void {
    const watcher = new Watcher(name, '', sink, () => this.#everything());
    watcher.begin(this.#everything());
    this.#watchers.add(watcher);
    watcher.pump();
    return () => void this.#watchers.delete(watcher);
  }

  stop(): void {
    this.#unsubscribe();
    this.#cancelProgress();
  }

  #follow(revision: AppliedRevision): void {
    if (this.#watchers.size === 0) return;
    const message = changesIn(revision);
    if (message !== undefined) this.#send(message);
    for (const { key, type } of revision.events) if (type === 'delete' && kindOf(key) === 'relay') this.#expel(lastPart(key));
  }

  #expel(name: string): void {
    for (const watcher of this.#watchers) {
      if (watcher.nodeId === name) watcher.sink.fail(new DomainError('relay_unknown', `relay ${name} was revoked`));
    }
  }

  #send(message: Message): void {
    const bytes = encode(message);
    for (const watcher of this.#watchers) {
      watcher.push(bytes);
      watcher.pump();
    }
  }

  /** All of it as of now: collected at once, encoded as the relay takes it. */
  *#everything(): Generator<Uint8Array> {
    const { view } = this.#repository;
    const networks = view.networks().map(({ value }) => networkOf(value));
    const nodes = networks.flatMap(({ name }) => [...view.nodesOf(name)].filter(({ value }) => !value.reserved).map(({ value }) => nodeOf(value)));
    const trust = { bundle: this.#facts.bundle(), crl: Buffer.from(this.#facts.crl()), controlEndpoints: [...this.#facts.controlEndpoints()] };
    yield encode({ reset: true, networks, ...trust });
    for (let at = 0; at < nodes.length; at += NODES_PER_CHUNK) yield encode({ nodes: nodes.slice(at, at + NODES_PER_CHUNK) });
    yield encode({ complete: true });
  }
}

function changesIn({ events }: AppliedRevision): Message | undefined {
  const changes = { networks: [] as RelayNetwork[], nodes: [] as RelayNode[], removedNodeIds: [] as string[] };
  const trust: Pick<Message, 'bundle' | 'crl'> = {};
  for (const { key, value } of events) {
    const kind = kindOf(key);
    if (kind === 'node' && value === undefined) changes.removedNodeIds.push(lastPart(key));
    if (value === undefined) continue;
    if (kind === 'network') changes.networks.push(networkOf(NetworkRecord.decode(value)));
    if (kind === 'crl') trust.crl = CrlRecord.decode(value).der;
    if (kind === 'bundle') trust.bundle = TrustBundle.decode(BundleRecord.decode(value).bundle);
    if (kind !== 'node') continue;
    const node = NodeRecord.decode(value);
    if (!node.reserved) changes.nodes.push(nodeOf(node));
  }
  const isEmpty = Object.values(changes).every((list) => list.length === 0) && Object.keys(trust).length === 0;
  return isEmpty ? undefined : { ...changes, ...trust, complete: true };
}

function networkOf({ name, interconnection }: NetworkRecord): RelayNetwork {
  return { name, interconnection };
}

function nodeOf({ id, network, wgPublicKey }: NodeRecord): RelayNode {
  return { nodeId: id, network, wgPublicKey };
}

function encode(message: Message): Uint8Array {
  return RelayServiceWatchResponse.encode(RelayServiceWatchResponse.fromPartial(message)).finish();
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
