import { DomainError } from '../../domain/errors.js';
import type { PeerSignal, WatchResponse } from '../../gen/networkcontroller/v1/node.js';
import { Endpoint_Kind, type Endpoint } from '../../gen/networkcontroller/v1/types.js';
import type { MapFeed } from '../feed/map-feed.js';
import type { Repository } from '../store/local-view.js';

/** Signals that one request may carry. */
const MAX_SIGNALS = 512;
const MAX_CANDIDATES = 16;
const MAX_RELAYS = 64;

/** The way to nodes of other servers. */
export interface SignalsElsewhere {
  /** Takes a signal for a node; tells whether another server has it. */
  take(network: string, nodeId: string, signal: PeerSignal): boolean;
}

/** Tells a node under which "address:port" the controller sees it. */
export function reflexiveMessage(address: string): NonNullable<WatchResponse['message']> {
  return { $case: 'reflexive', value: { address, kind: Endpoint_Kind.KIND_REFLEXIVE } };
}

/**
 * Passes offers and answers between connected nodes of one network. The sender's reflexive endpoint is added here, because
 * only the controller has seen it authenticated.
 */
export class Signals {
  readonly #repository: Repository;
  readonly #feed: MapFeed;
  readonly #reflexive: (nodeId: string) => string | undefined;
  readonly #elsewhere: SignalsElsewhere | undefined;

  /** @param deps `reflexive` gives a node's authenticated source, "address:port"; `elsewhere` is left out where there is no other server. */
  constructor(deps: { repository: Repository; feed: MapFeed; reflexive: (nodeId: string) => string | undefined; elsewhere?: SignalsElsewhere | undefined }) {
    this.#elsewhere = deps.elsewhere;
    this.#repository = deps.repository;
    this.#feed = deps.feed;
    this.#reflexive = deps.reflexive;
  }

  /**
   * Delivers `signals` from one node.
   *
   * @returns The addressees that are not connected, or that the sender may not reach.
   * @throws DomainError `invalid_argument` for too many at once.
   */
  pass(fromNodeId: string, network: string, signals: readonly PeerSignal[]): string[] {
    if (signals.length > MAX_SIGNALS) {
      throw new DomainError('invalid_argument', `signals: want at most ${MAX_SIGNALS} at once, got ${signals.length}`);
    }
    const permitted = this.#repository.view.network(network)?.value.interconnection === true;
    const own = this.#ownCandidate(fromNodeId);
    return signals.filter((signal) => !(permitted && this.#deliver(fromNodeId, network, signal, own))).map((signal) => signal.nodeId);
  }

  /** Tells a node that has just connected where it is seen: its handshake may have come before its stream. */
  welcome(nodeId: string): void {
    const address = this.#reflexive(nodeId);
    if (address !== undefined) this.#feed.send(nodeId, reflexiveMessage(address));
  }

  #deliver(fromNodeId: string, network: string, signal: PeerSignal, own: readonly Endpoint[]): boolean {
    const addressee = this.#repository.view.nodeById(signal.nodeId);
    if (addressee?.value.network !== network || signal.nodeId === fromNodeId) return false;
    // What a node calls reflexive is hearsay.
    const claimed = signal.candidates.filter((candidate) => candidate.kind !== Endpoint_Kind.KIND_REFLEXIVE).slice(0, MAX_CANDIDATES);
    const value = { ...signal, nodeId: fromNodeId, candidates: [...claimed, ...own], relays: signal.relays.slice(0, MAX_RELAYS) };
    return this.#feed.send(signal.nodeId, { $case: 'signal', value }) || this.#elsewhere?.take(network, signal.nodeId, value) === true;
  }

  #ownCandidate(nodeId: string): readonly Endpoint[] {
    const address = this.#reflexive(nodeId);
    return address === undefined ? [] : [{ address, kind: Endpoint_Kind.KIND_REFLEXIVE }];
  }
}
