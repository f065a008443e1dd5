import type { Counters, DropReason } from './counters.js';
import type { Send, Source } from './datagram.js';
import type { Directory } from './directory.js';
import type { RendezvousLimits } from './limits.js';
import { AddressedMessage } from '../../platform/wireguard/protocol/mac.js';
import type { Network } from './network.js';
import type { Peer } from './peer.js';
import { RelayPair } from './relay-pair.js';
import type { Route, RouteTable } from './route-table.js';
import { TokenBucket } from '../../platform/token-bucket.js';
import { MESSAGE_TYPE, REJECT_AFTER_MS, SENDER_OFFSET } from '../../platform/wireguard/protocol/wire.js';

/** How long an initiation may wait for its answer; WireGuard has begun a new one long before. */
const UNANSWERED_FOR_MS = 20_000;

/** The end that began a session may have it this much longer than the end that answered. */
const SESSION_SLACK_MS = 10_000;

/** Indices one node may have open towards another: previous, current and next session, and one more for a race. */
const ROUTES_PER_DIRECTION = 4;

/** WireGuard begins anew after five seconds without an answer, and two minutes after one. */
const RESTS_UNANSWERED_MS = 4500;
const RESTS_ANSWERED_MS = 115_000;

/** How far behind the last one found to look, because packets overtake each other. */
const LOOK_BACK = 8;

/** What the relay works with. */
export interface RelayDeps {
  readonly directory: Directory;
  readonly routes: RouteTable;
  readonly counters: Counters;
  readonly limits: RendezvousLimits;
  readonly send: Send;
}

/**
 * Passes WireGuard's messages between nodes of one network without being able to read them.
 *
 * An initiation says by its mac1 whom it is for, to those who know the public keys. All later messages
 * say it by a receiver index that an earlier one announced. A sender is known by the address that its session with
 * the controller has authenticated, and by nothing else.
 */
export class Relay {
  readonly #deps: RelayDeps;
  readonly #pairs = new Set<RelayPair>();
  readonly #trials: TokenBucket;

  constructor(deps: RelayDeps, nowMs: number) {
    this.#deps = deps;
    this.#trials = new TokenBucket(deps.limits.relayTrialsPerSecond, nowMs);
  }

  get pairCount(): number {
    return this.#pairs.size;
  }

  /** Passes an initiation that is not for the controller on to the node it is for. */
  initiation(message: Buffer, source: Source, nowMs: number): DropReason | undefined {
    const from = this.#deps.directory.bySource(source);
    if (from === undefined) return 'source_unknown';
    const to = this.#addressee(message, from, nowMs);
    if (typeof to === 'string') return to;
    const pair = this.#pairOf(from, to, nowMs);
    if (!this.#announce(pair, message.readUInt32LE(SENDER_OFFSET), to, from, false, nowMs)) return 'index_taken';
    pair.restsUntilMs = nowMs + RESTS_UNANSWERED_MS;
    return this.#pass(message, from, to, pair, nowMs);
  }

  /** Passes a response or a cookie reply along the route that the initiation laid. */
  answer(message: Buffer, receiverIndex: number, source: Source, nowMs: number): DropReason | undefined {
    const from = this.#deps.directory.bySource(source);
    if (from === undefined) return 'source_unknown';
    const route = this.#deps.routes.relayFrom(from, receiverIndex);
    if (route?.to === undefined || route.pair === undefined) return 'session_unknown';
    if (message.readUInt8(0) === MESSAGE_TYPE.response) {
      if (!this.#announce(route.pair, message.readUInt32LE(SENDER_OFFSET), route.to, from, true, nowMs)) return 'index_taken';
      route.established = true;
      route.pair.restsUntilMs = nowMs + RESTS_ANSWERED_MS;
      route.expiresAtMs = nowMs + REJECT_AFTER_MS + SESSION_SLACK_MS;
    }
    return this.#pass(message, from, route.to, route.pair, nowMs);
  }

  /** Passes a transport message along `route`. The hot path: no lookup and no object. */
  transport(message: Buffer, route: Route, nowMs: number): DropReason | undefined {
    if (route.to === undefined || route.pair === undefined) return 'session_unknown';
    return this.#pass(message, route.from, route.to, route.pair, nowMs);
  }

  /** Forgets everything between `peer` and others. */
  removePeer(peer: Peer): void {
    for (const pair of peer.pairs.values()) this.#removePair(pair);
  }

  /** Forgets everything between the nodes of a network. */
  removeNetwork(network: Network): void {
    for (const peer of network.members) this.removePeer(peer);
  }

  /** Forgets what is too old to be a session. */
  sweep(nowMs: number): void {
    for (const pair of this.#pairs) {
      for (const route of pair.routes) if (nowMs >= route.expiresAtMs) this.#removeRoute(pair, route);
      if (pair.routes.length === 0) this.#removePair(pair);
    }
  }

  #pass(message: Buffer, from: Peer, to: Peer, pair: RelayPair, nowMs: number): DropReason | undefined {
    if (!to.isReachable) return 'receiver_away';
    if (!from.relayPackets.take(1, nowMs)) return 'rate_source';
    if (!pair.bytes.take(message.length, nowMs)) return 'rate_pair';
    const { counters, send } = this.#deps;
    counters.relayedPackets++;
    counters.relayedBytes += message.length;
    send(message, to.address, to.port);
    return undefined;
  }

  /** Finds whom an initiation is for among those whom `from` may reach, by trying their mac1. */
  #addressee(message: Buffer, from: Peer, nowMs: number): Peer | DropReason {
    const addressed = new AddressedMessage(message);
    for (const to of reachableFrom(from, nowMs)) {
      if (!from.relayTrials.take(1, nowMs) || !this.#trials.take(1, nowMs)) return 'rate_trials';
      if (!addressed.isTo(to.mac1)) continue;
      from.lookFrom = Math.max(0, from.network.members.indexOf(to) - LOOK_BACK);
      return to;
    }
    return 'unaddressed';
  }

  #pairOf(a: Peer, b: Peer, nowMs: number): RelayPair {
    const known = a.pairs.get(b);
    if (known !== undefined) return known;
    const pair = new RelayPair(a, b, this.#deps.limits.relayBytesPerSecondPerPair, nowMs);
    a.pairs.set(b, pair);
    b.pairs.set(a, pair);
    this.#pairs.add(pair);
    return pair;
  }

  /**
   * Lays the route for messages of `from` that name `index`, which `to` has announced. An index that `from` knows
   * another node by stays that node's: nobody can divert what is not his.
   */
  #announce(pair: RelayPair, index: number, from: Peer, to: Peer, established: boolean, nowMs: number): boolean {
    const { routes } = this.#deps;
    const known = routes.relayFrom(from, index);
    if (known !== undefined && known.to !== to) return false;
    if (known !== undefined) return true;
    const route = routes.addRelay(index, from, to, pair);
    route.established = established;
    route.expiresAtMs = nowMs + (established ? REJECT_AFTER_MS + SESSION_SLACK_MS : UNANSWERED_FOR_MS);
    // Unanswered ones displace only unanswered ones, so forged initiations cannot end a session.
    const alike = pair.routes.filter((other) => other.from === from && other.established === established);
    if (alike.length >= ROUTES_PER_DIRECTION && alike[0] !== undefined) this.#removeRoute(pair, alike[0]);
    pair.routes.push(route);
    return true;
  }

  #removeRoute(pair: RelayPair, route: Route): void {
    this.#deps.routes.remove(route);
    pair.routes = pair.routes.filter((other) => other !== route);
  }

  #removePair(pair: RelayPair): void {
    for (const route of pair.routes) this.#deps.routes.remove(route);
    pair.a.pairs.delete(pair.b);
    pair.b.pairs.delete(pair.a);
    this.#pairs.delete(pair);
  }
}

/**
 * Whom `from` may talk to and where there is somebody, the likeliest first, since each one costs a trial: who is due for another
 * handshake; then who has had none, from where `from` has got to, because agents begin with their peers one after the
 * other; last who has just had one.
 */
function* reachableFrom(from: Peer, nowMs: number): Iterable<Peer> {
  const { interconnection, members } = from.network;
  if (!interconnection) return;
  for (const [to, pair] of from.pairs) if (to.isReachable && nowMs >= pair.restsUntilMs) yield to;
  for (let i = 0; i < members.length; i++) {
    const to = members[(from.lookFrom + i) % members.length];
    if (to !== undefined && to !== from && to.isReachable && !from.pairs.has(to)) yield to;
  }
  for (const [to, pair] of from.pairs) if (to.isReachable && nowMs < pair.restsUntilMs) yield to;
}
